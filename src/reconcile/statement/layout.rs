//! The first line: which columns a statement has, by name and never by position.

use std::io::{BufRead, Read as _};

use super::StatementError;

/// No header is longer; more without a line end is no statement.
const HEADER_MAX: u64 = 16 * 1024;
/// A statement has at most so many columns; v3's has 38.
const COLUMNS_MAX: usize = 96;

/// Which movements a statement tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// v2 ALL: payments, refunds and reversals.
    All,
    /// v2 SUCCESS: payments only.
    Success,
    /// v2 REFUND: what went back only.
    Refund,
    /// v3 global: payments, refunds and reversals.
    Global,
}

impl Kind {
    /// Payments are in it.
    #[must_use]
    pub fn tells_payments(self) -> bool {
        match self {
            Self::All | Self::Success | Self::Global => true,
            Self::Refund => false,
        }
    }

    /// Refunds are in it.
    #[must_use]
    pub fn tells_refunds(self) -> bool {
        match self {
            Self::All | Self::Refund | Self::Global => true,
            Self::Success => false,
        }
    }
}

/// The columns of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// What kind of statement it is.
    pub kind: Kind,
    /// Bytes of the header with its line end: the rows begin after them.
    pub header_bytes: u64,
    pub(super) names: Vec<String>,
    pub(super) at: Columns,
    /// Columns that hold amounts, in order: the summary sums some of them up.
    pub(super) money: Vec<usize>,
}

/// Where what we need stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) time: usize,
    pub(super) merchant: Option<usize>,
    pub(super) sub_merchant: Option<usize>,
    pub(super) device: Option<usize>,
    pub(super) transaction_id: usize,
    pub(super) out_trade_no: usize,
    pub(super) state: usize,
    pub(super) currency: usize,
    pub(super) paid: Option<usize>,
    pub(super) refund_id: Option<usize>,
    pub(super) out_refund_no: Option<usize>,
    /// What was asked to go back, or what the merchant gave back of it, in this order.
    pub(super) returned: [Option<usize>; 2],
    pub(super) refund_status: Option<usize>,
    /// REFUND statements keep the payment's time in the first column and the refund's own here: when it was asked for and
    /// accepted, which is the day that lists it (protocol 5.7), and, where that is missing, when it arrived.
    pub(super) accepted_at: [Option<usize>; 2],
    pub(super) fee: Option<usize>,
    pub(super) fee_currency: Option<usize>,
    /// Free text: two neighbours in which anything may stand.
    pub(super) product: Option<usize>,
}

impl Layout {
    /// Reads the header and leaves `input` at the first row.
    ///
    /// # Errors
    /// When `input` does not begin as a statement does; the error says what it seems to be instead.
    pub fn read(input: &mut impl BufRead) -> Result<Self, StatementError> {
        let mut line = Vec::new();
        (&mut *input).take(HEADER_MAX).read_until(b'\n', &mut line)?;
        let header_bytes = u64::try_from(line.len()).unwrap_or(u64::MAX);
        let text = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line);
        if text.trim_ascii_start().starts_with(b"<") {
            return Err(answer(&line, input)?);
        }
        if line.is_empty() {
            return Err(StatementError::Empty);
        }
        if line.starts_with(b"PK\x03\x04") {
            return Err(StatementError::Packed);
        }
        let text = std::str::from_utf8(text).map_err(|_| StatementError::NotUtf8)?;
        let names: Vec<String> = text.split(',').take(COLUMNS_MAX).map(column_name).collect();
        Self::of(names, header_bytes)
    }

    fn of(names: Vec<String>, header_bytes: u64) -> Result<Self, StatementError> {
        let find = |wanted: &[&str]| wanted.iter().find_map(|name| names.iter().position(|it| it == name));
        let need = |wanted: &[&str]| match find(wanted) {
            Some(at) => Ok(at),
            None => Err(StatementError::NoColumn(wanted.first().copied().unwrap_or_default().to_owned())),
        };
        let time = need(&["交易时间"])?;
        let accepted_at = [find(&["退款申请时间"]), find(&["退款成功时间"])];
        let out_refund_no = find(&["商户退款单号"]);
        let kind = if find(&["标价币种"]).is_some() {
            Kind::Global
        } else if accepted_at.iter().any(Option::is_some) {
            Kind::Refund
        } else if out_refund_no.is_some() {
            Kind::All
        } else {
            Kind::Success
        };
        let paid = &["订单金额", "总金额", "订单金额(标价币种)"];
        let returned = [find(&["申请退款金额"]), find(&["退款金额"])];
        if kind.tells_payments() {
            need(paid)?;
        }
        if kind.tells_refunds() && returned.iter().all(Option::is_none) {
            need(&["申请退款金额"])?;
        }
        let at = Columns {
            time,
            merchant: find(&["商户号"]),
            sub_merchant: find(&["特约商户号", "子商户号"]),
            device: find(&["设备号"]),
            transaction_id: need(&["微信订单号"])?,
            out_trade_no: need(&["商户订单号"])?,
            state: need(&["交易状态"])?,
            currency: need(&["货币种类", "标价币种"])?,
            paid: find(paid),
            refund_id: find(&["微信退款单号"]),
            out_refund_no,
            returned,
            refund_status: find(&["退款状态"]),
            accepted_at,
            fee: find(&["手续费"]),
            fee_currency: find(&["结算币种"]),
            product: find(&["商品名称"]).filter(|at| find(&["商户数据包"]) == at.checked_add(1)),
        };
        let money = (0..names.len()).filter(|at| names.get(*at).is_some_and(|name| is_money(name))).collect();
        Ok(Self { kind, header_bytes, names, at, money })
    }

    /// How many columns there are.
    pub(super) fn width(&self) -> usize {
        self.names.len()
    }
}

/// A column's name as it is compared: some writers print full-width brackets or a backtick before it.
fn column_name(text: &str) -> String {
    text.trim().trim_start_matches('`').replace('（', "(").replace('）', ")")
}

fn is_money(name: &str) -> bool {
    name.contains("金额") || name == "手续费"
}

/// What WeChat answers in a statement's place: XML with a `return_msg`.
fn answer(line: &[u8], input: &mut impl BufRead) -> std::io::Result<StatementError> {
    let mut text = line.to_vec();
    (&mut *input).take(HEADER_MAX).read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    let message = text.split_once("<return_msg>").and_then(|(_, rest)| rest.split_once("</return_msg>"));
    let Some((message, _)) = message else { return Ok(StatementError::Markup) };
    let message = message.trim().trim_start_matches("<![CDATA[").trim_end_matches("]]>");
    let message: String = message.chars().filter(|c| !c.is_control()).take(128).collect();
    if message.eq_ignore_ascii_case("No Bill Exist") {
        return Ok(StatementError::NoBill);
    }
    Ok(StatementError::Answer(message))
}
