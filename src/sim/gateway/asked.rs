//! A request in either dialect, what the book makes of it, and the answer before it is written.

use std::collections::BTreeMap;

use crate::sim::book::{
    Book, Code, Fate, Kind, Op, PayOutcome, PayRequest, Plan, QueryOutcome, Refund, RefundOutcome, RefundPlan,
    RefundRequest, RefundState, ReverseOutcome, ReversePlan, Say, State, Transaction,
};
use crate::sim::faults::{Course, Says};
use crate::words::{Money, OutTradeNo, Tick};

use super::answer::Answer;
use super::sign::SignType;
use super::xml::XmlError;
use super::{Merchant, clock::Clock, v2, v3};

/// Fields of a refund beside the order's number.
const REFUND: &[&str] = &["out_refund_no", "total_fee", "refund_fee"];

/// Refunds one answer lists; `offset` asks for those behind.
const REFUNDS_ON_A_PAGE: usize = 10; // "Query Refund": more than 10 need offset

/// A request as it arrived. Its fields have v2's names in both dialects.
pub(super) struct Asked {
    pub(super) op: Op,
    pub(super) arrived: Tick,
    pub(super) form: Form,
}

/// How it was written.
pub(super) enum Form {
    V2(Result<BTreeMap<String, String>, XmlError>),
    V3(v3::Letter),
}

/// What the gateway needs to answer: whom it serves, and what time it is.
#[derive(Clone, Copy)]
pub(super) struct Desk<'a> {
    pub(super) merchant: &'a Merchant,
    pub(super) clock: Clock,
    pub(super) now: Tick,
}

impl Asked {
    pub(super) fn get(&self, name: &str) -> &str {
        let fields = match &self.form {
            Form::V2(fields) => fields.as_ref().ok(),
            Form::V3(letter) => Some(&letter.fields),
        };
        fields.and_then(|fields| fields.get(name)).map_or("", String::as_str)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        !self.get(name).is_empty()
    }

    pub(super) fn sign_type(&self) -> SignType {
        match &self.form {
            Form::V2(Ok(fields)) => SignType::of(fields).unwrap_or_default(),
            Form::V2(Err(_)) | Form::V3(_) => SignType::default(),
        }
    }

    /// The order it is about: `transaction_id` wins, and for a refund query the refund's own numbers come first. Of a
    /// statement it is the day, of settlements their state.
    pub(super) fn number(&self, book: &Book) -> String {
        match self.op {
            Op::Statement => return self.get("bill_date").to_owned(),
            Op::Settlement => return self.get("settle_state").to_owned(),
            Op::Pay | Op::Query | Op::Reverse | Op::Refund | Op::RefundQuery => {}
        }
        if self.op == Op::RefundQuery && (self.has("refund_id") || self.has("out_refund_no")) {
            let accepted = book.refunds().find(|refund| self.means(refund)).map(|refund| refund.out_trade_no.as_str());
            return accepted.or_else(|| book.order_of_refund(self.get("out_refund_no"))).unwrap_or_default().to_owned();
        }
        let by_transaction = self.get("transaction_id").parse::<Transaction>().ok();
        let order = by_transaction.filter(|_| self.op != Op::Pay).and_then(|number| book.order_of(number));
        order.map_or_else(|| self.get("out_trade_no"), |order| order.out_trade_no()).to_owned()
    }

    /// Acts on the request and says what the gateway says. `copy`: the network made it, not the terminal.
    pub(super) fn act(&self, book: &mut Book, desk: Desk<'_>, course: &Course, copy: bool) -> Answer {
        let checked = match &self.form {
            Form::V2(fields) => v2::check(self, fields, book, desk),
            Form::V3(letter) => v3::check(self, letter, book, desk),
        };
        if let Err(refusal) = checked.and_then(|()| self.check_merchant(book, desk)) {
            return refusal;
        }
        let number = self.number(book);
        let named = ["transaction_id", "out_trade_no", "out_refund_no", "refund_id"].iter().any(|name| self.has(name));
        match self.op {
            _ if !named => self.lacks(book, desk, "out_trade_no"),
            Op::RefundQuery if number.is_empty() => self.fail("REFUNDNOTEXIST", None),
            _ if number.is_empty() => self.fail("INVALID_TRANSACTIONID", None),
            Op::Pay => self.pay(book, desk, course, copy),
            Op::Query => self.query(book, desk, course, &number),
            Op::Reverse => self.reverse(book, desk, course, &number),
            Op::Refund => self.refund(book, desk, course, &number, copy),
            Op::RefundQuery => self.refund_query(book, desk, course, &number),
            Op::Statement | Op::Settlement => Answer::failed("that is no answer about an order"),
        }
    }

    /// Whom the request is for, and what it must hold, in v2's names.
    pub(super) fn check_merchant(&self, book: &mut Book, desk: Desk<'_>) -> Result<(), Answer> {
        let merchant = desk.merchant;
        if self.get("mch_id") != merchant.mch_id {
            return Err(self.fail("MCHID_NOT_EXIST", None));
        }
        if self.get("appid") != merchant.appid {
            return Err(self.fail("APPID_NOT_EXIST", None));
        }
        let required = match (&self.form, self.op) {
            (Form::V2(_), Op::Pay) => v2::PAY,
            (Form::V3(_), Op::Pay) => v3::PAY,
            (_, Op::Refund) => REFUND,
            (_, Op::Query | Op::Reverse | Op::RefundQuery | Op::Statement | Op::Settlement) => &[],
        };
        match required.iter().find(|name| !self.has(name)) {
            Some(missing) => Err(self.lacks(book, desk, missing)),
            None => Ok(()),
        }
    }

    pub(super) fn lacks(&self, book: &mut Book, desk: Desk<'_>, missing: &str) -> Answer {
        book.note(Kind::MissingField, self.get("out_trade_no"), desk.now);
        self.fail("LACK_PARAMS", None).with("err_code_des", &format!("missing parameter: {missing}"))
    }

    fn pay(&self, book: &mut Book, desk: Desk<'_>, course: &Course, copy: bool) -> Answer {
        let form = match &self.form {
            Form::V2(_) => v2::pay_form(self),
            Form::V3(letter) => v3::pay_form(self, letter),
        };
        let amount = match form.and_then(|()| self.pay_amount(desk.merchant)) {
            Ok(amount) => amount,
            Err((err_code, why)) => return self.fail(err_code, None).with("err_code_des", why),
        };
        let request = PayRequest {
            out_trade_no: self.get("out_trade_no"),
            auth_code: self.get("auth_code"),
            amount,
            mch_id: self.get("mch_id"),
            sub_mch_id: self.get("sub_mch_id"),
            attach: self.get("attach"),
            sent: self.arrived,
            copy,
        };
        let fate = course.fate.unwrap_or(Fate::Pays);
        let plan = match &course.says {
            Some(Says::Fail { say, does, .. }) => {
                Plan { say: say.clone(), fate: if *does { fate } else { Fate::NoOrder } }
            }
            Some(Says::OnlyClaims { .. }) | None => Plan::truth(fate),
        };
        match book.pay(&request, desk.now, &plan) {
            PayOutcome::Paid { .. } => {
                let order = book.order(request.out_trade_no);
                self.succeed().with("device_info", self.get("device_info")).charge(order, desk.clock)
            }
            PayOutcome::Refused { err_code } => self.fail(&err_code, None),
            PayOutcome::Failed { return_msg } => Answer::failed(&return_msg),
        }
    }

    /// The amount, once what both dialects ask of a pay is there.
    fn pay_amount(&self, merchant: &Merchant) -> Result<Money, Wrong> {
        if merchant.sub_mch_id.as_deref().is_some_and(|wanted| wanted != self.get("sub_mch_id")) {
            return Err(("INVALID_REQUEST", "no relation between mch_id and sub_mch_id"));
        }
        if self.get("out_trade_no").parse::<OutTradeNo>().is_err() {
            return Err(("PARAM_ERROR", "out_trade_no has 6 to 32 letters, digits, _ or -"));
        }
        let code = self.get("auth_code").as_bytes();
        if code.len() != 18 || !code.iter().all(u8::is_ascii_digit) || !matches!(code, [b'1', b'0'..=b'5', ..]) {
            return Err(("AUTH_CODE_INVALID", "18 digits beginning with 10 to 15"));
        }
        let amount = self.get("total_fee").parse().ok().filter(|minor: &u64| *minor > 0);
        let currency = self.get("fee_type").parse().ok();
        let amount = amount.zip(currency).and_then(|(minor, currency)| Money::new(minor, currency).ok());
        amount.ok_or(("PARAM_ERROR", "total_fee or fee_type"))
    }

    fn query(&self, book: &mut Book, desk: Desk<'_>, course: &Course, number: &str) -> Answer {
        let outcome = book.query(number, desk.now, course.stale);
        if let Some(Says::Fail { say, .. }) = &course.says {
            return self.says(say, None);
        }
        let order = book.order(number).filter(|_| !self.is_strangers(book, number));
        match (outcome, order) {
            (QueryOutcome::Refused { err_code }, _) => self.fail(&err_code, None),
            (QueryOutcome::Found { .. }, None) => self.fail("ORDERNOTEXIST", None),
            (QueryOutcome::Found { state, .. }, Some(order)) => {
                let answer = self.succeed().with("trade_state", state.word()).with("trade_state_desc", describe(state));
                if state.was_charged() {
                    return answer.charge(Some(order), desk.clock);
                }
                answer.with("out_trade_no", order.out_trade_no()).with("attach", order.attach())
            }
        }
    }

    fn reverse(&self, book: &mut Book, desk: Desk<'_>, course: &Course, number: &str) -> Answer {
        let plan = match &course.says {
            // Reported of the real one: with a wrong merchant it says SUCCESS, and nothing is revoked.
            _ if self.is_strangers(book, number) => ReversePlan::OnlyClaims { recall: false },
            None => ReversePlan::Honest,
            Some(Says::OnlyClaims { recall }) => ReversePlan::OnlyClaims { recall: *recall },
            Some(Says::Fail { say, does: true, recall }) => ReversePlan::Hides { err_code: code(say), recall: *recall },
            Some(Says::Fail { say, does: false, recall }) => {
                ReversePlan::Refuses { err_code: code(say), recall: *recall }
            }
        };
        let outcome = book.reverse(number, desk.now, &plan);
        if let Some(Says::Fail { say: Say::ReturnFail(text), .. }) = &course.says {
            return Answer::failed(text);
        }
        match outcome {
            ReverseOutcome::Accepted { recall } => self.succeed().with("recall", yes_no(recall)),
            ReverseOutcome::Refused { err_code, recall } => self.fail(&err_code, Some(recall)),
        }
    }

    fn refund(&self, book: &mut Book, desk: Desk<'_>, course: &Course, number: &str, copy: bool) -> Answer {
        let minor = |name| self.get(name).parse::<u64>().unwrap_or(0);
        let request = RefundRequest {
            out_trade_no: number,
            out_refund_no: self.get("out_refund_no"),
            total: minor("total_fee"),
            refund: minor("refund_fee"),
            desc: self.get("refund_desc"),
            sent: self.arrived,
            copy,
        };
        let plan = match &course.says {
            _ if self.is_strangers(book, number) => RefundPlan::Refuses(Code::Borrowed("ORDERNOTEXIST")),
            Some(Says::Fail { say, does: true, .. }) => RefundPlan::Hides(code(say)),
            Some(Says::Fail { say, does: false, .. }) => RefundPlan::Refuses(code(say)),
            Some(Says::OnlyClaims { .. }) | None => course.refund.map_or(RefundPlan::Honest, RefundPlan::Ends),
        };
        let outcome = book.refund(&request, desk.now, &plan);
        if let Some(Says::Fail { say: Say::ReturnFail(text), .. }) = &course.says {
            return Answer::failed(text);
        }
        match outcome {
            RefundOutcome::Accepted { refund_id } => self
                .succeed()
                .order(book.order(number))
                .with("out_refund_no", request.out_refund_no)
                .with("refund_id", &refund_id)
                .with("refund_fee", &request.refund.to_string()),
            RefundOutcome::Refused { err_code } => self.fail(&err_code, None),
        }
    }

    fn refund_query(&self, book: &mut Book, desk: Desk<'_>, course: &Course, number: &str) -> Answer {
        let mut refunds = book.refund_query(number, desk.now, course.stale);
        if let Some(Says::Fail { say, .. }) = &course.says {
            return self.says(say, None);
        }
        let known = refunds.iter().any(|(refund, _)| self.means(refund));
        // v3 answers a question about one refund with that one; v2 always with a list.
        let one = matches!(self.form, Form::V3(_)) && (self.has("refund_id") || self.has("out_refund_no"));
        refunds.retain(|(refund, _)| (course.lists_all && !one) || self.means(refund));
        if !known {
            return self.fail("REFUNDNOTEXIST", None);
        }
        let total = refunds.len().to_string();
        let offset = self.get("offset").parse().unwrap_or(0);
        let page: Vec<_> = refunds.iter().skip(offset).take(REFUNDS_ON_A_PAGE).collect();
        let mut answer = self.succeed().order(book.order(number)).with_some("one", if one { "Y" } else { "" });
        answer = answer.with("refund_count", &page.len().to_string()).with("total_refund_count", &total);
        for (n, (refund, state)) in page.into_iter().enumerate() {
            let fee = refund.amount.minor().to_string();
            let arrived = refund.arrived().filter(|_| *state == RefundState::Success);
            let time = arrived.map_or_else(String::new, |at| desk.clock.beijing(at, "%Y-%m-%d %H:%M:%S"));
            answer = answer
                .with(&format!("out_refund_no_{n}"), &refund.out_refund_no)
                .with(&format!("refund_id_{n}"), &refund.refund_id)
                .with(&format!("refund_channel_{n}"), "ORIGINAL")
                .with(&format!("refund_fee_{n}"), &fee)
                .with(&format!("settlement_refund_fee_{n}"), &fee)
                .with(&format!("coupon_refund_fee_{n}"), "0")
                .with(&format!("refund_status_{n}"), state.word())
                .with(&format!("refund_account_{n}"), "REFUND_SOURCE_UNSETTLED_FUNDS")
                .with(&format!("refund_recv_accout_{n}"), "支付用户的零钱")
                .with_some(&format!("refund_success_time_{n}"), &time);
        }
        answer
    }

    /// Whether a refund query asks about this one: `refund_id` wins, then `out_refund_no`; without either, about all.
    fn means(&self, refund: &Refund) -> bool {
        match (self.get("refund_id"), self.get("out_refund_no")) {
            ("", "") => true,
            ("", out_refund_no) => refund.out_refund_no == out_refund_no,
            (refund_id, _) => refund.refund_id == refund_id,
        }
    }

    /// The order was opened for another sub-merchant than the request names.
    fn is_strangers(&self, book: &Book, number: &str) -> bool {
        let order = book.order(number).filter(|order| order.state().is_some());
        order.is_some_and(|order| order.sub_mch_id() != self.get("sub_mch_id"))
    }

    fn succeed(&self) -> Answer {
        let sub = ["sub_appid", "sub_mch_id"].map(|name| (name, self.get(name)));
        let answer = Answer::signed(self.get("appid"), self.get("mch_id")).with("result_code", "SUCCESS");
        sub.into_iter().fold(answer, |answer, (name, value)| answer.with_some(name, value))
    }

    pub(super) fn fail(&self, err_code: &str, recall: Option<bool>) -> Answer {
        let answer = self.succeed().with("result_code", "FAIL").with("err_code", err_code);
        let answer = answer.with("err_code_des", super::answer::describe(err_code));
        recall.map_or(answer.clone(), |recall| answer.with("recall", yes_no(recall)))
    }

    fn says(&self, say: &Say, recall: Option<bool>) -> Answer {
        match say {
            Say::ReturnFail(text) => Answer::failed(text),
            Say::Truth | Say::ErrCode(_) => self.fail(&code(say), recall),
        }
    }
}

/// What is wrong with a pay: the code and the text.
pub(super) type Wrong = (&'static str, &'static str);

fn code(say: &Say) -> Code {
    match say {
        Say::Truth => Code::Borrowed("SYSTEMERROR"),
        Say::ErrCode(code) | Say::ReturnFail(code) => code.clone(),
    }
}

fn yes_no(yes: bool) -> &'static str {
    if yes { "Y" } else { "N" }
}

fn describe(state: State) -> &'static str {
    match state {
        State::Success => "支付成功",
        State::Refund => "订单发生过退款，退款详情请查询退款单",
        State::NotPay => "订单未支付",
        State::Closed => "订单已关闭",
        State::Revoked => "订单已撤销",
        State::UserPaying => "需要用户输入支付密码",
        State::PayError => "支付失败，请撤销订单重新支付",
        State::Accept => "已接收，等待扣款",
    }
}
