//! The simulator's own XML: one flat `<xml>` document, read strictly and written the way WeChat writes it.

use std::collections::BTreeMap;

/// Why a request's body is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum XmlError {
    /// Not UTF-8.
    NotUtf8,
    /// Not one flat `<xml>` document with every field once.
    Malformed,
}

/// Reads a document into its fields.
pub(super) fn parse(body: &[u8]) -> Result<BTreeMap<String, String>, XmlError> {
    let text = std::str::from_utf8(body).map_err(|_| XmlError::NotUtf8)?;
    document(text.trim()).ok_or(XmlError::Malformed)
}

fn document(text: &str) -> Option<BTreeMap<String, String>> {
    let text = text.strip_prefix("<?xml").map_or(Some(text), |rest| Some(rest.split_once("?>")?.1.trim_start()))?;
    let mut rest = text.strip_prefix("<xml>")?.strip_suffix("</xml>")?.trim_start();
    let mut fields = BTreeMap::new();
    while !rest.is_empty() {
        let (name, after) = rest.strip_prefix('<')?.split_once('>')?;
        let named = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !named {
            return None;
        }
        let (value, after) = content(after)?;
        let after = after.strip_prefix("</")?.strip_prefix(name)?.strip_prefix('>')?;
        if fields.insert(name.to_owned(), value).is_some() {
            return None;
        }
        rest = after.trim_start();
    }
    Some(fields)
}

/// Text and CDATA up to the next tag, and what follows.
fn content(mut rest: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    loop {
        let at = rest.find('<')?;
        let (text, after) = rest.split_at(at);
        unescape(text, &mut value)?;
        let Some(data) = after.strip_prefix("<![CDATA[") else { return Some((value, after)) };
        let (data, after) = data.split_once("]]>")?;
        value.push_str(data);
        rest = after;
    }
}

fn unescape(mut text: &str, into: &mut String) -> Option<()> {
    while let Some((before, after)) = text.split_once('&') {
        into.push_str(before);
        let (entity, after) = after.split_once(';')?;
        into.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            _ => numeric(entity.strip_prefix('#')?)?,
        });
        text = after;
    }
    into.push_str(text);
    Some(())
}

fn numeric(digits: &str) -> Option<char> {
    let code = digits.strip_prefix('x').map_or_else(|| digits.parse().ok(), |hex| u32::from_str_radix(hex, 16).ok());
    char::from_u32(code?)
}

/// Writes fields as WeChat does: CDATA everywhere but for plain numbers that count money.
pub(super) fn write(fields: &BTreeMap<String, String>) -> String {
    let mut text = String::from("<xml>");
    // WeChat's own answers begin with these two; nothing may depend on it.
    let first = ["return_code", "return_msg"];
    let lead = first.iter().filter_map(|name| Some((*name, fields.get(*name)?)));
    let others = fields.iter().map(|(name, value)| (name.as_str(), value));
    for (name, value) in lead.chain(others.filter(|(name, _)| !first.contains(name))) {
        let plain = name.ends_with("_fee") && !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        let value =
            if plain { value.clone() } else { format!("<![CDATA[{}]]>", value.replace("]]>", "]]]]><![CDATA[>")) };
        text.push_str(&format!("<{name}>{value}</{name}>\n"));
    }
    text.push_str("</xml>");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let fields: BTreeMap<String, String> =
            [("return_code", "SUCCESS"), ("attach", "a & b ]]> <c> 茶"), ("total_fee", "8800"), ("empty", "")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into();
        assert_eq!(parse(write(&fields).as_bytes()), Ok(fields));
    }

    #[test]
    fn what_is_not_flat_xml_is_refused() {
        for text in [
            "",
            "xml",
            "<xml>",
            "<xml><a>1</b></xml>",
            "<xml><a><b>1</b></a></xml>",
            "<xml><a x=\"1\">1</a></xml>",
            "<xml><a>&e;</a></xml>",
            "<xml><a>1</a><a>1</a></xml>",
            "<xml><a><![CDATA[1]]</a></xml>",
        ] {
            assert_eq!(parse(text.as_bytes()), Err(XmlError::Malformed), "{text}");
        }
        assert_eq!(parse(b"<xml><a>\xff</a></xml>"), Err(XmlError::NotUtf8));
    }
}
