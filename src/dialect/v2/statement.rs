//! `/pay/downloadbill`.
//!
//! Source: protocol 5.7. The reply is a plain CSV, or unsigned XML that says why there is none.

use super::read::get;
use super::sign;
use super::{V2, codes, write, xml};
use crate::dialect::statement::{Announced, NoStatement, ReportFault, StatementHead, Warrant};
use crate::dialect::{Distrust, HttpReply, HttpRequest, REPLY_MAX, Stamp};
use crate::words::Day;

/// Every layout begins with this column, the time.
const FIRST_COLUMN: &str = "交易时间";
/// An error has three fields, and a reply that is signed some more.
const FIELDS_MAX: usize = 64;
/// The summary's first column, the number of rows.
const ROW_COUNT: &str = "总交易单数";

impl V2 {
    /// See [`crate::dialect::Statements::write`].
    pub(super) fn statement_request(&self, day: Day, packed: bool, stamp: &Stamp) -> HttpRequest {
        let date = day.to_string().replace('-', "");
        let mut more = vec![("bill_date", date.as_str()), ("bill_type", "ALL")];
        more.extend(packed.then_some(("tar_type", "GZIP")));
        let mut fields = self.common(stamp);
        for (name, value) in more {
            write::put(&mut fields, name, value);
        }
        let signature = sign::sign(&fields, &self.key, self.sign_type);
        write::put(&mut fields, sign::SIGN, &signature);
        HttpRequest {
            method: "POST",
            path: "/pay/downloadbill".to_owned(),
            headers: vec![("content-type", "text/xml; charset=utf-8".to_owned())],
            body: xml::write(&fields),
            needs_certificate: false,
        }
    }

    /// See [`crate::dialect::Statements::read_none`].
    pub(super) fn no_statement(&self, reply: &HttpReply) -> Result<NoStatement, Distrust> {
        if reply.body.len() > REPLY_MAX {
            return Err(Distrust::TooLarge);
        }
        if reply.status != 200 {
            return Err(Distrust::Status(reply.status));
        }
        let fields = xml::parse(&reply.body, FIELDS_MAX)?;
        // Errors are not signed. One that is signed wrongly is not even hearsay.
        if get(&fields, sign::SIGN).is_some() {
            self.check_signature(&fields)?;
        }
        let refused = ["return_code", "result_code"].iter().any(|name| get(&fields, name) == Some("FAIL"));
        if !refused {
            return Err(Distrust::Malformed("no return_code"));
        }
        let code = get(&fields, "err_code").unwrap_or_default();
        let text = ["err_code_des", "return_msg"].iter().find_map(|name| get(&fields, name)).unwrap_or_default();
        Ok(meaning(code, text))
    }
}

/// See [`crate::dialect::Statements::read_head`].
pub(super) fn announced(head: &StatementHead<'_>) -> Result<Announced, Distrust> {
    if head.status != 200 {
        return Err(Distrust::Status(head.status));
    }
    let start = head.start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head.start);
    if start.trim_ascii_start().starts_with(b"<") {
        return Ok(Announced::Words);
    }
    if start.starts_with(FIRST_COLUMN.as_bytes()) {
        return Ok(Announced::File(Warrant::Summary));
    }
    Err(Distrust::Malformed("it begins neither as a statement nor as an error"))
}

/// See [`crate::dialect::Statements::read_end`]. v3's summary begins with the same column.
pub(in crate::dialect) fn rows(tail: &[u8]) -> Result<u64, Distrust> {
    let missing = Distrust::Malformed("it does not end with its summary");
    let mut lines = tail.rsplit(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let (values, names) = lines.next().zip(lines.next()).ok_or(missing)?;
    if !names.starts_with(ROW_COUNT.as_bytes()) || names.split(is_comma).count() != values.split(is_comma).count() {
        return Err(missing);
    }
    let count = values.split(is_comma).next().and_then(|value| std::str::from_utf8(value).ok()).ok_or(missing)?;
    // It may be printed as a float: `45.0`.
    let (whole, part) = count.trim_start_matches('`').split_once('.').unwrap_or((count.trim_start_matches('`'), ""));
    let is_whole = part.bytes().all(|digit| digit == b'0') && whole.bytes().all(|digit| digit.is_ascii_digit());
    whole.parse().ok().filter(|_| is_whole).ok_or(missing)
}

fn is_comma(byte: &u8) -> bool {
    *byte == b','
}

/// What WeChat's words mean. They come in several spellings and two languages; what is not listed is its own trouble.
fn meaning(code: &str, text: &str) -> NoStatement {
    let words = [codes::normal(code), codes::normal(text)];
    let is = |word: &str| words.iter().any(|it| it == word);
    let says = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    let lower = text.to_lowercase();
    let fault = match () {
        () if is("NOBILLEXIST") || says(&["账单不存在"]) => return NoStatement::Empty,
        () if is("BILLCREATING") || says(&["账单未生成", "正在生成"]) => return NoStatement::NotReady,
        () if is("COMPRESSGZIPERROR") || is("UNCOMPRESSGZIPERROR") => return NoStatement::CannotPack,
        () if is("NOAUTH") || lower.contains("permission") || says(&["权限"]) => ReportFault::Permission,
        () if lower.contains("sign") || says(&["签名"]) => ReportFault::Keys,
        () if ["appid", "mch_id", "mchid"].iter().any(|word| lower.contains(word)) => ReportFault::Keys,
        () if ["invalid", "format", "missing"].iter().any(|word| lower.contains(word)) => ReportFault::Request,
        () if is("PARAMERROR") || says(&["参数", "格式"]) => ReportFault::Request,
        () => ReportFault::Gateway,
    };
    NoStatement::refused(fault, code, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::{PlatformKeys, Proof};
    use crate::words::WallTime;

    /// A statement of WeChat's, as the protocol's vectors have it.
    const REAL: &str = include_str!("../../../tests/data/statements/statement_v2_all.csv");

    #[test]
    fn every_word_of_the_protocol_has_its_meaning() {
        let refused =
            |fault| move |it: &NoStatement| matches!(it, NoStatement::Refused { fault: is, .. } if *is == fault);
        for text in ["No Bill Exist", "NO Bill Exist", "NO_BILL_EXIST", "账单不存在"] {
            assert_eq!(meaning("", text), NoStatement::Empty, "{text}");
        }
        for text in ["Bill Creating", "BILL_CREATING", "账单未生成"] {
            assert_eq!(meaning("", text), NoStatement::NotReady, "{text}");
        }
        for text in ["CompressGZip Error", "UnCompressGZip Error"] {
            assert_eq!(meaning("", text), NoStatement::CannotPack, "{text}");
        }
        for text in ["SIGN ERROR", "签名错误", "appid and mch_id not match", "invalid appid", "invalid mch_id"] {
            assert!(refused(ReportFault::Keys)(&meaning("", text)), "{text}");
        }
        for text in ["当前商户号账单API权限已经关闭", "No permission"] {
            assert!(refused(ReportFault::Permission)(&meaning("", text)), "{text}");
        }
        for text in ["invalid bill_type", "data format error", "missing parameter", "invalid parameter", "参数错误"]
        {
            assert!(refused(ReportFault::Request)(&meaning("", text)), "{text}");
        }
        for text in ["system error", "", "the moon is full", "系统繁忙"] {
            assert!(refused(ReportFault::Gateway)(&meaning("", text)), "{text}");
        }
        assert_eq!(meaning("NO_BILL_EXIST", "bill"), NoStatement::Empty);
    }

    #[test]
    fn what_is_said_of_a_refusal_is_one_clean_line() {
        let told = meaning("SYSTEMERROR", "system\u{1b}[2J\r\nerror");
        let text = "SYSTEMERROR system[2Jerror".to_owned();
        assert_eq!(told, NoStatement::Refused { fault: ReportFault::Gateway, text });
    }

    #[test]
    fn a_file_an_error_and_anything_else_are_told_apart_by_their_first_bytes() {
        let proof = Proof { at: WallTime::default(), keys: &PlatformKeys::none() };
        let told = |status, start: &[u8]| announced(&StatementHead { status, headers: &[], start, proof });
        let file = Ok(Announced::File(Warrant::Summary));
        assert_eq!(told(200, &REAL.as_bytes()[..16]), file);
        assert_eq!(told(200, "交易时间,公".as_bytes()), file);
        assert_eq!(told(200, b"<xml><return_cod"), Ok(Announced::Words));
        assert_eq!(told(200, b"\r\n <html>"), Ok(Announced::Words));
        assert_eq!(told(502, REAL.as_bytes()), Err(Distrust::Status(502)));
        for start in [&b""[..], b"{}", b"PK\x03\x04", b"\x1f\x8b", "交易".as_bytes(), b"\xef\xbb\xbf"] {
            assert!(matches!(told(200, start), Err(Distrust::Malformed(_))), "{start:?}");
        }
    }

    #[test]
    fn the_summary_at_the_end_says_how_many_rows_there_are() {
        let real = REAL.as_bytes();
        for from in [0, 60, real.len() - 250] {
            assert_eq!(rows(&real[from..]), Ok(5), "from {from}");
        }
        assert_eq!(rows("总交易单数,手续费总金额\n`40,`0.0".as_bytes()), Ok(40));
        assert_eq!(rows("总交易单数,手续费总金额\r\n`45.0,`0.0\r\n\r\n".as_bytes()), Ok(45));
        for cut in 1..250 {
            let told = rows(&real[..real.len() - cut]);
            // What the last line loses beyond its last comma cannot be seen here.
            assert!(told.is_err() || told == Ok(5) && cut < 8, "{cut} bytes less: {told:?}");
        }
        for text in ["", "\n\n", "a,b\n`1,`2", "总交易单数,手续费总金额\n`1.5,`0", "总交易单数,手续费总金额\n`-1,`0"]
        {
            assert!(rows(text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
