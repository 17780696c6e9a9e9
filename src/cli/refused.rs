//! What a person does about a statement or a list that WeChat refuses.

use super::exit::Ended;
use super::{Exit, say};
use crate::dialect::ReportFault;

/// From here on a refused signature is the clock's, in seconds: the gateway's own limit is 300.
const BLAME: u64 = 240;

/// How the command ends: `what` was refused with `text`. `ahead` is how far our clock is ahead of the gateway's, in
/// seconds, and `request` what to do about a request that is at fault.
pub(super) fn ended(what: &str, fault: ReportFault, text: &str, ahead: Option<i64>, request: &str) -> Ended {
    let off = ahead.filter(|seconds| seconds.unsigned_abs() >= BLAME);
    let (exit, advice) = match (fault, off) {
        (ReportFault::Keys, Some(seconds)) => {
            let way = if seconds < 0 { "behind" } else { "ahead of" };
            let advice = format!(
                "this terminal's clock is {} s {way} WeChat Pay's: set it, for example with timedatectl set-ntp true",
                seconds.unsigned_abs()
            );
            (Exit::Config, advice)
        }
        (ReportFault::Keys, None) => {
            let advice =
                "check gateway.appid, gateway.mch_id, and the keys and sign_type of the API that gateway.api names";
            (Exit::Config, advice.to_owned())
        }
        (ReportFault::Permission, _) => {
            (Exit::Denied, "the merchant number may not have it; ask WeChat Pay to allow it".to_owned())
        }
        (ReportFault::Request, _) => (Exit::Data, request.to_owned()),
        (ReportFault::Gateway, _) => (Exit::Later, "try again later".to_owned()),
    };
    Ended { exit, text: format!("WeChat Pay gives no {what}: {}; {advice}", say::plain(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_its_exit_code_and_its_advice() {
        for (fault, ahead, exit, advice) in [
            (ReportFault::Keys, None, Exit::Config, "check gateway.appid"),
            (ReportFault::Keys, Some(239), Exit::Config, "check gateway.appid"),
            (ReportFault::Keys, Some(400), Exit::Config, "clock is 400 s ahead of WeChat Pay's"),
            (ReportFault::Keys, Some(-301), Exit::Config, "clock is 301 s behind WeChat Pay's"),
            (ReportFault::Permission, Some(400), Exit::Denied, "ask WeChat Pay"),
            (ReportFault::Request, None, Exit::Data, "check the day"),
            (ReportFault::Gateway, None, Exit::Later, "try again later"),
        ] {
            let Ended { exit: told, text } =
                ended("statement of a day", fault, "WORDS\u{1b}[2J", ahead, "check the day");
            assert_eq!(told, exit, "{text}");
            assert!(text.contains("WORDS") && text.contains(advice) && !text.contains('\u{1b}'), "{text}");
        }
    }
}
