//! The XML of v2: a root `xml` with flat children and nothing else. Everything the gateway never sends is refused.
//!
//! Source: protocol 4.5.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};
use zeroize::Zeroizing;

use super::sign::Fields;
use crate::dialect::Distrust;

/// The longest name of a field. The longest documented one has 24 characters.
const NAME_MAX: usize = 64;

/// Writes `fields` as a document, `sign` among them. Values are not changed, so what is signed is what arrives.
pub(super) fn write(fields: &Fields) -> Zeroizing<Vec<u8>> {
    let room = fields.iter().map(|(name, value)| name.len().saturating_mul(2).saturating_add(value.len())).sum();
    // 17 for the tags' and the section's own characters. Growing would leave an unwiped copy behind.
    let room = usize::saturating_add(room, fields.len().saturating_mul(17)).saturating_add(512);
    let mut document = Zeroizing::new(String::with_capacity(room));
    document.push_str("<xml>");
    for (name, value) in fields {
        document.push('<');
        document.push_str(name);
        document.push('>');
        push_value(&mut document, value);
        document.push_str("</");
        document.push_str(name);
        document.push('>');
    }
    document.push_str("</xml>");
    Zeroizing::new(std::mem::take(&mut *document).into_bytes())
}

/// Numbers and names stand plain, free text and JSON in a CDATA section, as in WeChat's own samples.
fn push_value(document: &mut String, value: &str) {
    let plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':'));
    if plain {
        document.push_str(value);
        return;
    }
    document.push_str("<![CDATA[");
    for (index, piece) in value.split("]]>").enumerate() {
        if index > 0 {
            // A section cannot hold its own end: it is cut in two within the three characters.
            document.push_str("]]]]><![CDATA[>");
        }
        document.push_str(piece);
    }
    document.push_str("]]>");
}

/// Whether XML 1.0 can carry `c` unchanged. Carriage returns are legal but reach the other side as line feeds, which
/// would break the signature.
pub(super) fn carries(c: char) -> bool {
    !matches!(c, '\u{0}'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// Reads a document into its fields, `most` of them at the most.
///
/// # Errors
/// When it is not in the one form described above.
pub(super) fn parse(body: &[u8], most: usize) -> Result<Fields, Distrust> {
    parse_in("xml", body, most)
}

/// The same of a document whose root has another name.
///
/// # Errors
/// As [`parse`].
pub(super) fn parse_in(root: &'static str, body: &[u8], most: usize) -> Result<Fields, Distrust> {
    let text = std::str::from_utf8(body).map_err(|_| Distrust::Malformed("not UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader::from_str(text);
    let mut document = Document { root, place: Place::Before, fields: Fields::new(), most };
    loop {
        match reader.read_event().map_err(|_| Distrust::Malformed("not well-formed XML"))? {
            Event::Start(tag) => document.open(&tag)?,
            Event::Empty(tag) => {
                document.open(&tag)?;
                document.close()?;
            }
            Event::End(_) => document.close()?,
            Event::Text(text) => document.text(&text.xml10_content())?,
            Event::CData(text) => document.text(&text.xml10_content())?,
            Event::GeneralRef(reference) => document.text(resolve(&reference)?.encode_utf8(&mut [0; 4]))?,
            Event::Decl(_) if document.is_untouched() => {}
            Event::Decl(_) => return Err(Distrust::Malformed("an XML declaration inside")),
            Event::DocType(_) => return Err(Distrust::Malformed("a DOCTYPE")),
            Event::PI(_) => return Err(Distrust::Malformed("a processing instruction")),
            Event::Comment(_) => return Err(Distrust::Malformed("a comment")),
            Event::Eof => return document.finish(),
        }
    }
}

/// A document that is being read.
struct Document {
    root: &'static str,
    place: Place,
    fields: Fields,
    most: usize,
}

/// Where in the document the reader stands.
enum Place {
    /// Before the root.
    Before,
    /// In the root, between fields.
    Root,
    /// In a field.
    Field { name: String, value: Zeroizing<String> },
    /// Behind the root.
    Behind,
}

impl Document {
    fn is_untouched(&self) -> bool {
        matches!(self.place, Place::Before)
    }

    fn open(&mut self, tag: &BytesStart<'_>) -> Result<(), Distrust> {
        if !tag.attributes_raw().trim().is_empty() {
            return Err(Distrust::Malformed("an attribute"));
        }
        let name = tag.name().into_inner();
        self.place = match self.place {
            Place::Before if name == self.root => Place::Root,
            Place::Before => return Err(Distrust::Malformed(self.not_the_root())),
            Place::Root => Place::Field { name: self.new_name(name)?, value: Zeroizing::default() },
            Place::Field { .. } => return Err(Distrust::Malformed("a field within a field")),
            Place::Behind => return Err(Distrust::Malformed("a second root")),
        };
        Ok(())
    }

    fn not_the_root(&self) -> &'static str {
        if self.root == "xml" { "the root is not xml" } else { "the root is not root" }
    }

    /// The name, if it can stand in a signature without being taken for something else, and is new.
    fn new_name(&self, name: &str) -> Result<String, Distrust> {
        if self.fields.len() >= self.most {
            return Err(Distrust::Malformed("too many fields"));
        }
        let good = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if name.is_empty() || name.len() > NAME_MAX || !good {
            return Err(Distrust::Malformed("a strange field name"));
        }
        if self.fields.contains_key(name) {
            return Err(Distrust::Malformed("a field twice"));
        }
        Ok(name.to_owned())
    }

    /// Pieces of text are joined: a value may be split over sections, text and references.
    fn text(&mut self, piece: &str) -> Result<(), Distrust> {
        match &mut self.place {
            Place::Field { value, .. } => value.push_str(piece),
            Place::Before | Place::Root | Place::Behind => {
                let blank = piece.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
                if !blank {
                    return Err(Distrust::Malformed("text outside a field"));
                }
            }
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), Distrust> {
        self.place = match std::mem::replace(&mut self.place, Place::Root) {
            Place::Field { name, value } => {
                self.fields.insert(name, value);
                Place::Root
            }
            Place::Root => Place::Behind,
            Place::Before | Place::Behind => return Err(Distrust::Malformed("an end without a start")),
        };
        Ok(())
    }

    fn finish(self) -> Result<Fields, Distrust> {
        match self.place {
            Place::Behind => Ok(self.fields),
            Place::Before => Err(Distrust::Malformed("empty")),
            Place::Root | Place::Field { .. } => Err(Distrust::Malformed("cut short")),
        }
    }
}

/// The character behind `&...;`: a numeric one or one of the five that need no DTD.
fn resolve(reference: &BytesRef<'_>) -> Result<char, Distrust> {
    let unknown = Distrust::Malformed("an unknown entity");
    let numeric = reference.resolve_char_ref().map_err(|_| unknown)?;
    if let Some(c) = numeric {
        return Some(c).filter(|c| carries(*c)).ok_or(unknown);
    }
    let name: &str = reference;
    match name {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => Err(unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), Zeroizing::new((*value).to_owned()))).collect()
    }

    #[test]
    fn what_is_written_is_read_back_unchanged() {
        let fields = fields(&[
            ("attach", "]]>]]>]] > <![CDATA[x]]>"),
            ("body", "A & B <tea> \"x\" 茶 🍵"),
            ("detail", r#"{"goods_detail":[{"wxpay_goods_id":"1001"}]}"#),
            ("total_fee", "8800"),
        ]);
        assert_eq!(parse(&write(&fields), 64), Ok(fields));
    }

    #[test]
    fn sections_text_and_references_join_to_one_value() {
        let document =
            b"<?xml version=\"1.0\"?>\n<xml>\n<a><![CDATA[1<]]>2&amp;&#51;&#x34;<![CDATA[]]></a><b/><c></c> </xml>\n";
        assert_eq!(parse(document, 64), Ok(fields(&[("a", "1<2&34"), ("b", ""), ("c", "")])));
    }

    #[test]
    fn everything_the_gateway_never_sends_is_refused() {
        let many: String = (0..65).map(|n| format!("<f{n}>1</f{n}>")).collect();
        for (document, why) in [
            ("", "empty"),
            ("   ", "empty"),
            ("hello", "text outside a field"),
            ("<html></html>", "the root is not xml"),
            ("<xml></xml><xml></xml>", "a second root"),
            ("<xml></xml>tail", "text outside a field"),
            ("<xml>loose</xml>", "text outside a field"),
            ("<xml>&amp;</xml>", "text outside a field"),
            ("<xml><a><b></b></a></xml>", "a field within a field"),
            ("<xml><a>1</a><a>1</a></xml>", "a field twice"),
            ("<xml><a x='1'>1</a></xml>", "an attribute"),
            ("<xml xmlns='u'></xml>", "an attribute"),
            ("<xml><n:a>1</n:a></xml>", "a strange field name"),
            ("<xml><a-b>1</a-b></xml>", "a strange field name"),
            ("<xml><a=1&amp;b>1</a=1&amp;b></xml>", "a strange field name"),
            ("<xml><a>1</a>", "cut short"),
            ("<xml><a>1", "cut short"),
            ("<xml><a>1</b></xml>", "not well-formed XML"),
            ("<xml><a>&b;</a></xml>", "an unknown entity"),
            ("<xml><a>&#0;</a></xml>", "an unknown entity"),
            ("<xml><a>&#8;</a></xml>", "an unknown entity"),
            ("<xml><a>& </a></xml>", "not well-formed XML"),
            ("<xml><!-- c --></xml>", "a comment"),
            ("<xml><?p i?></xml>", "a processing instruction"),
            ("<!DOCTYPE xml><xml></xml>", "a DOCTYPE"),
            (&format!("<xml>{many}</xml>"), "too many fields"),
            (&format!("<xml>{}</xml>", "<a>".repeat(10_000)), "a field within a field"),
        ] {
            assert_eq!(parse(document.as_bytes(), 64), Err(Distrust::Malformed(why)), "{document:.60}");
        }
        assert_eq!(parse(b"<xml><a>\xff</a></xml>", 64), Err(Distrust::Malformed("not UTF-8")));
    }
}
