//! What only v3 says. Its names are v2's with `_` in other places, so their meaning stands in [`crate::dialect::v2`]'s
//! table; the numbers at the end of `Request-ID` are v3's own.
//!
//! Source: protocol 2.7 and 7.4. `Request-ID` is not signed, so a number may only choose between deeds that are safe
//! whatever is true: to ask, to wait, to ask before a refund.

use crate::dialect::v2::codes;
use crate::dialect::{HttpReply, ReportFault};
use crate::payment::answer::{Class, RefundRefusal, ReverseRefusal};

/// An error: its name, its text, the number behind it.
pub(super) struct Fault<'a> {
    pub(super) status: u16,
    pub(super) code: &'a str,
    pub(super) text: &'a str,
    pub(super) number: &'a str,
}

impl Fault<'_> {
    /// The class of a refused pay.
    pub(super) fn pay(&self) -> Class {
        let class = codes::pay(self.code, self.text);
        match self.number {
            _ if class == Class::CustomerPaying => class,
            // Above the password-free limit; the digits were shown; the code is old; the same amount twice.
            "268501834" | "1000001021" | "268576361" | "270279174" => Class::CustomerPaying,
            "268449538" | "268498688" | "268498689" => Class::PerhapsPaid,
            "268447840" => Class::Throttled,
            // A gateway that is ill may have charged, whatever name it gives to it.
            _ if self.status >= 500 => Class::Unknown,
            _ if self.status == 429 => Class::Throttled,
            _ => class,
        }
    }

    /// What kind of error anything but a pay met.
    pub(super) fn other(&self) -> Class {
        match self.number {
            "268447840" => Class::Throttled,
            _ if self.status == 429 => Class::Throttled,
            _ => codes::other(self.code, self.text),
        }
    }

    /// Why a reversal was not done.
    pub(super) fn reverse(&self) -> ReverseRefusal {
        match self.number {
            "268449386" => ReverseRefusal::WindowOver,
            "268501834" | "1000001021" | "268576361" => ReverseRefusal::CustomerPaying,
            "268447840" => ReverseRefusal::SlowDown,
            _ if self.status == 429 => ReverseRefusal::SlowDown,
            _ => codes::reverse(self.code, self.text),
        }
    }

    /// Why a refund was not accepted.
    pub(super) fn refund(&self) -> RefundRefusal {
        match self.number {
            "268447840" => RefundRefusal::SlowDown,
            _ if self.status == 429 => RefundRefusal::SlowDown,
            // A gateway that is ill may have accepted it, whatever name it gives to it.
            _ if self.status >= 500 => RefundRefusal::Unsure,
            // To a refund this is said of the shop's account.
            "88430113" => RefundRefusal::NotEnough,
            _ => codes::refund(self.code, self.text),
        }
    }

    /// What a statement or a list of settlements that was refused blames.
    pub(super) fn report(&self) -> ReportFault {
        match codes::normal(self.code).as_str() {
            // A gateway that is ill blames nobody, whatever name it gives to it.
            _ if self.status >= 500 || self.status == 429 => ReportFault::Gateway,
            _ if ["270283348", "268443699"].contains(&self.number) => ReportFault::Keys,
            "SIGNERROR" | "APPIDMCHIDNOTMATCH" | "MCHNOTEXISTS" | "MCHIDNOTEXIST" | "APPIDNOTEXIST" => {
                ReportFault::Keys
            }
            _ if self.status == 401 => ReportFault::Keys,
            "NOAUTH" => ReportFault::Permission,
            _ if self.status == 403 => ReportFault::Permission,
            "PARAMERROR" | "INVALIDREQUEST" => ReportFault::Request,
            _ => ReportFault::Gateway,
        }
    }

    /// Whether the gateway says that it does not know the refund.
    pub(super) fn is_refund_absent(&self) -> bool {
        self.status == 404 && codes::is_refund_absent(self.code)
    }

    /// Whether the gateway says that it does not know the order. Its NOT_FOUND also means a wrong path.
    pub(super) fn is_absent(&self) -> bool {
        self.status == 404 && codes::is_absent(self.code)
    }
}

/// The number at the end of `Request-ID`; empty when there is none.
pub(super) fn number(reply: &HttpReply) -> &str {
    let id = reply.headers.iter().find(|(name, _)| name == "request-id").map(|(_, value)| value);
    let id = id.and_then(|value| std::str::from_utf8(value).ok()).unwrap_or_default();
    let number = id.rsplit_once('-').map_or("", |(_, number)| number);
    if number.bytes().all(|byte| byte.is_ascii_digit()) { number } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault<'a>(status: u16, code: &'a str, number: &'a str) -> Fault<'a> {
        Fault { status, code, text: "", number }
    }

    #[test]
    fn names_mean_what_they_mean_in_v2_however_they_are_spelled() {
        for (code, class) in [
            ("ORDER_PAID", Class::PerhapsPaid),
            ("ORDERPAID", Class::PerhapsPaid),
            ("NOT_ENOUGH", Class::FreshCode),
            ("USER_PAYING", Class::CustomerPaying),
            ("NO_AUTH", Class::OurFault),
            ("SIGN_ERROR", Class::OurFault),
            ("FREQUENCY_LIMIT_EXCEED", Class::Throttled),
            ("SERVICE_UNAVAILABLE", Class::Unknown),
            ("MOON_IS_FULL", Class::Unknown),
        ] {
            assert_eq!(fault(400, code, "").pay(), class, "{code}");
        }
    }

    #[test]
    fn an_ill_gateway_refuses_nothing() {
        for code in ["NOT_ENOUGH", "PARAM_ERROR", "ORDER_CLOSED", "SYSTEM_ERROR"] {
            assert_eq!(fault(500, code, "").pay(), Class::Unknown, "{code}");
        }
        assert_eq!(fault(500, "USERPAYING", "").pay(), Class::CustomerPaying);
    }

    #[test]
    fn a_number_tells_the_password_from_a_refusal_and_the_end_of_the_window() {
        assert_eq!(fault(400, "PARAM_ERROR", "268501834").pay(), Class::CustomerPaying);
        assert_eq!(fault(400, "PARAM_ERROR", "268449386").reverse(), ReverseRefusal::WindowOver);
        let of = |id: &str| {
            let headers = vec![("request-id".to_owned(), id.as_bytes().to_vec())];
            number(&HttpReply { status: 400, headers, body: Vec::new() }).to_owned()
        };
        assert_eq!(of("08F8AC-0A-268501834"), "268501834");
        assert_eq!((of("08F8AC"), of("08-A1"), of("")), (String::new(), String::new(), String::new()));
    }

    #[test]
    fn an_ill_gateway_refuses_no_refund_and_a_number_tells_an_empty_account() {
        for code in ["NOT_ENOUGH", "TRADE_OVERDUE", "OUT_REFUND_NO_USED", "PARAM_ERROR", "ORDER_NOT_EXIST"] {
            assert_eq!(fault(502, code, "").refund(), RefundRefusal::Unsure, "{code}");
        }
        assert_eq!(fault(403, "INVALID_REQUEST", "88430113").refund(), RefundRefusal::NotEnough);
        assert_eq!(fault(500, "SYSTEM_ERROR", "88430113").refund(), RefundRefusal::Unsure);
        assert_eq!(fault(429, "MOON_IS_FULL", "").refund(), RefundRefusal::SlowDown);
    }

    #[test]
    fn only_a_404_about_the_refund_is_an_absent_refund() {
        assert!(fault(404, "REFUND_NOT_EXIST", "").is_refund_absent());
        for (status, code) in
            [(404, "NOT_FOUND"), (404, "ORDER_NOT_EXIST"), (400, "REFUNDNOTEXIST"), (500, "REFUNDNOTEXIST")]
        {
            assert!(!fault(status, code, "").is_refund_absent(), "{status} {code}");
        }
    }

    #[test]
    fn only_a_404_about_the_order_is_absent() {
        assert!(fault(404, "ORDER_NOT_EXIST", "").is_absent() && fault(404, "ORDERNOTEXIST", "").is_absent());
        for (status, code) in [(404, "NOT_FOUND"), (404, ""), (400, "ORDER_NOT_EXIST"), (500, "ORDER_NOT_EXIST")] {
            assert!(!fault(status, code, "").is_absent(), "{status} {code}");
        }
    }
}
