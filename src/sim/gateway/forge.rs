//! Turns an answer into bytes: signs it, and falsifies it where the rules ask for it.

use crate::sim::faults::Forgery;

use super::answer::Answer;
use super::http::Reply;
use super::sign::{SignType, sign};
use super::xml;

/// How deep [`Forgery::Nested`] goes.
const DEPTH: usize = 1_000;

/// How many fields [`Forgery::ManyFields`] adds.
const MORE_FIELDS: usize = 100;

/// What nginx in front of `/secapi/` says to a client without its certificate.
pub(super) const NO_CERTIFICATE: &str = "No required SSL certificate was sent";

/// The reply to send.
pub(super) fn reply(mut answer: Answer, forgeries: &[Forgery], key: &str, sign_type: SignType) -> Reply {
    for forgery in forgeries {
        forge_fields(&mut answer, forgery);
    }
    if answer.signed && !forgeries.contains(&Forgery::NoSign) {
        let key = if forgeries.contains(&Forgery::WrongSign) { "another key, of somebody in the middle" } else { key };
        let other = forgeries.contains(&Forgery::OtherSignType);
        let sign = sign(&answer.fields, key, if other { sign_type.other() } else { sign_type });
        answer = answer.with("sign", &sign);
    }
    let mut reply = Reply::xml(xml::write(&answer.fields));
    for forgery in forgeries {
        forge_text(&mut reply, forgery);
    }
    reply
}

/// A page of nginx's.
pub(super) fn html(status: u16, title: &str) -> Reply {
    let page = format!(
        "<html>\r\n<head><title>{status} {title}</title></head>\r\n<body>\r\n<center><h1>{status} {title}</h1></center>\
         \r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    );
    Reply { status, headers: vec![("Content-Type", "text/html".to_owned())], body: page.into_bytes() }
}

pub(super) fn forge_fields(answer: &mut Answer, forgery: &Forgery) {
    let fields = &mut answer.fields;
    let mut replace = |name: &str, value: &dyn Fn(&str) -> String| {
        if let Some(field) = fields.get_mut(name) {
            *field = value(field);
        }
    };
    match forgery {
        Forgery::Set { field, value } => drop(fields.insert(field.clone().into_owned(), value.clone().into_owned())),
        Forgery::Drop { field } => drop(fields.remove(field.as_ref())),
        Forgery::WrongAmount => {
            replace("total_fee", &|fee| fee.parse::<u64>().unwrap_or(0).saturating_add(1).to_string());
        }
        Forgery::WrongCurrency => replace("fee_type", &|fee| if fee == "USD" { "EUR" } else { "USD" }.to_owned()),
        Forgery::WrongOrder => replace("out_trade_no", &|_| "SOMEBODY-ELSES-0001".to_owned()),
        Forgery::WrongMch => replace("mch_id", &|_| "1999999999".to_owned()),
        Forgery::WrongSubMch => drop(fields.insert("sub_mch_id".to_owned(), "1888888888".to_owned())),
        Forgery::WrongAppid => replace("appid", &|_| "wx9999999999999999".to_owned()),
        Forgery::UnknownState => {
            replace("trade_state", &|_| "NEVER_SEEN_BEFORE".to_owned());
            replace("refund_status_0", &|_| "NEVER_SEEN_BEFORE".to_owned());
        }
        Forgery::WrongRefund => {
            replace("refund_fee", &|fee| fee.parse::<u64>().unwrap_or(0).saturating_add(1).to_string());
            replace("refund_fee_0", &|fee| fee.parse::<u64>().unwrap_or(0).saturating_add(1).to_string());
        }
        Forgery::Holes => *fields = std::mem::take(fields).into_iter().map(with_hole).collect(),
        Forgery::ManyFields => {
            for n in 0..MORE_FIELDS {
                fields.insert(format!("coupon_id_{n}"), n.to_string());
            }
        }
        Forgery::WrongSign
        | Forgery::NoSign
        | Forgery::OtherSignType
        | Forgery::DuplicateField
        | Forgery::Doctype
        | Forgery::EntityBomb
        | Forgery::Nested
        | Forgery::Garbage
        | Forgery::Empty
        | Forgery::Shorten { .. }
        | Forgery::Html { .. }
        | Forgery::Redirect
        | Forgery::Replayed
        | Forgery::UnknownSerial
        | Forgery::Probe
        | Forgery::Gzip => {}
    }
}

/// A numbered field moves from index n to 2n + 2.
fn with_hole((name, value): (String, String)) -> (String, String) {
    let moved = name.rsplit_once('_').and_then(|(stem, index)| {
        let index: u32 = index.parse().ok()?;
        Some(format!("{stem}_{}", index.saturating_mul(2).saturating_add(2)))
    });
    (moved.unwrap_or(name), value)
}

/// Falsifies a reply's text.
pub(super) fn forge_text(reply: &mut Reply, forgery: &Forgery) {
    match forgery {
        Forgery::DuplicateField => {
            let end = reply.body.len().saturating_sub("</xml>".len());
            reply.body.truncate(end);
            reply.body.extend_from_slice(b"<result_code><![CDATA[SUCCESS]]></result_code>\n</xml>");
        }
        Forgery::Doctype => prepend(&mut reply.body, "<!DOCTYPE xml SYSTEM \"http://127.0.0.1:9/evil.dtd\">\n"),
        Forgery::EntityBomb => prepend(&mut reply.body, &bomb()),
        Forgery::Nested => {
            reply.body = format!("<xml>{}{}</xml>", "<a>".repeat(DEPTH), "</a>".repeat(DEPTH)).into_bytes();
        }
        Forgery::Garbage => reply.body = (0_u8..=255).cycle().skip(128).step_by(7).take(512).collect(),
        Forgery::Empty => reply.body.clear(),
        Forgery::Shorten { at } => reply.body.truncate(*at),
        Forgery::Html { status } => {
            *reply = html(
                *status,
                match status {
                    200 => "Please sign in to the shop's Wi-Fi",
                    400 => NO_CERTIFICATE,
                    502 => "Bad Gateway",
                    _ => "Error",
                },
            );
        }
        Forgery::Redirect => {
            *reply = html(302, "Found");
            reply.headers.push(("Location", "http://127.0.0.1:9/pay/micropay".to_owned()));
        }
        Forgery::Gzip => reply.headers.push(("Content-Encoding", "gzip".to_owned())),
        Forgery::Set { .. }
        | Forgery::Drop { .. }
        | Forgery::WrongAmount
        | Forgery::WrongCurrency
        | Forgery::WrongOrder
        | Forgery::WrongMch
        | Forgery::WrongSubMch
        | Forgery::WrongAppid
        | Forgery::UnknownState
        | Forgery::WrongRefund
        | Forgery::Holes
        | Forgery::ManyFields
        | Forgery::WrongSign
        | Forgery::NoSign
        | Forgery::Replayed
        | Forgery::UnknownSerial
        | Forgery::Probe
        | Forgery::OtherSignType => {}
    }
}

/// Ten entities, each ten of the one before: 10 GB, if anyone were to believe them.
fn bomb() -> String {
    let mut text = String::from("<!DOCTYPE xml [\n<!ENTITY e0 \"lol\">\n");
    for level in 1..=9_u8 {
        let before = format!("&e{};", level.saturating_sub(1)).repeat(10);
        text.push_str(&format!("<!ENTITY e{level} \"{before}\">\n"));
    }
    text.push_str("]>\n");
    text
}

fn prepend(body: &mut Vec<u8>, text: &str) {
    body.splice(0..0, text.bytes());
}
