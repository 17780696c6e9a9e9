//! What v3 hands out beside answers about orders: statements and settlements.

use std::collections::BTreeMap;

use crate::sim::book::{Book, Op, Say};
use crate::sim::faults::{Course, Says};
use crate::sim::gateway::answer::Answer;
use crate::sim::gateway::asked::{Asked, Desk};
use crate::sim::gateway::forge::forge_text;
use crate::sim::gateway::http::Reply;
use crate::sim::gateway::statement::Slip;

use super::reply::how;
use super::{Letter, Pen, check, reply, settlement, statement};

/// A reply before it is signed.
pub(super) struct Sheets {
    pub(super) reply: Reply,
    /// What is signed: the body, or what stands in its place.
    pub(super) signed: Vec<u8>,
    /// For the log.
    pub(super) word: String,
}

/// Answers a request for one of them. The text beside the reply is for the log.
pub(in crate::sim::gateway) fn report(
    asked: &Asked,
    letter: &Letter,
    book: &mut Book,
    slips: &BTreeMap<String, Slip>,
    desk: Desk<'_>,
    course: &Course,
    pen: &Pen<'_>,
) -> (Reply, String) {
    let told = match &course.says {
        Some(Says::Fail { say: Say::ErrCode(code), .. }) => Err(asked.fail(code, None)),
        Some(Says::Fail { say: Say::ReturnFail(text), .. }) => Err(Answer::failed(text)),
        Some(Says::Fail { say: Say::Truth, .. } | Says::OnlyClaims { .. }) | None => check(asked, letter, book, desk)
            .and_then(|()| asked.check_merchant(book, desk))
            .and_then(|()| match asked.op {
                Op::Settlement => settlement::sheets(asked, book, desk, course),
                Op::Statement | Op::Pay | Op::Query | Op::Reverse | Op::Refund | Op::RefundQuery => {
                    statement::sheets(asked, book, slips, desk, course)
                }
            }),
    };
    let Sheets { reply: mut sent, signed, word } = match told {
        Ok(sheets) => sheets,
        Err(answer) => {
            let word = answer.word();
            return (reply(answer, asked.op, &course.forgeries, pen), word);
        }
    };
    if let (Some(platform), Some(how)) = (pen.platform, how(&course.forgeries)) {
        sent.headers.extend(platform.sign(&signed, pen.nonce, pen.wall, how, pen.serial));
    }
    for forgery in &course.forgeries {
        forge_text(&mut sent, forgery);
    }
    (sent, word)
}
