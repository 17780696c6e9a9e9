//! `shroff reconcile` over real ledgers and files.

use std::io::Write as _;
use std::path::Path;

use serde_json::Value;

use super::CODE;
use super::counter::{Counter, shroff};
use crate::reconcile::sheet::{Move, Style, statement};
use crate::reconcile::shop::{Back, Course, Shop};
use shroff::words::{Day, WallTime};

const DAY: &str = "2026-03-02";

fn noon() -> WallTime {
    WallTime::from_millis(DAY.parse::<Day>().expect("a day").begin().millis() + 12 * 3_600_000)
}

/// What WeChat would list of the payments `shroff payments` shows as paid.
fn listed(counter: &Counter, ledger: &Path) -> Vec<Move> {
    let config = counter.path("other.toml");
    counter.write("other.toml", &format!("[ledger]\npath = \"{}\"\n", ledger.display()));
    let list = shroff().args(["payments", "--json", "--config"]).arg(config).output().expect("shroff");
    let list: Value = serde_json::from_slice(&list.stdout).map_err(|error| format!("{error}: {list:?}")).expect("JSON");
    let paid = list["payments"].as_array().expect("a list").iter().filter(|it| it["state"] == "paid");
    paid.map(row).collect()
}

fn row(payment: &Value) -> Move {
    let attempt = payment["attempts"].as_array().expect("attempts").last().expect("an attempt");
    let text = |name: &str| attempt[name].as_str().unwrap_or_default().to_owned();
    let at: jiff::Timestamp = text("paid_at").parse().expect("a time");
    Move {
        state: "SUCCESS",
        at: jiff::tz::Offset::constant(8).to_datetime(at).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        order: text("out_trade_no"),
        transaction: text("transaction_id"),
        refund_no: String::new(),
        amount: payment["amount"].as_u64().expect("an amount"),
        currency: "HKD",
        device: text("out_trade_no").get(..3).unwrap_or_default().to_owned(),
        product: "茶, \"tea\"".to_owned(),
    }
}

/// A counter with two terminals' ledgers and their statement.
struct Chain {
    counter: Counter,
    shops: [Shop; 2],
    rows: Vec<Move>,
}

impl Chain {
    fn new() -> Self {
        let counter = Counter::new();
        let mut shops = [Shop::open("T01", noon()), Shop::open("T02", noon())];
        for (shop, amounts) in shops.iter_mut().zip([[8800, 1250, 300], [4500, 7700, 120]]) {
            for amount in amounts {
                shop.sell(amount, Course::Paid);
            }
            shop.sell(999, Course::SecondCode);
            shop.sell(555, Course::Declined);
        }
        let rows = shops.iter().flat_map(|shop| listed(&counter, &shop.path())).collect();
        Self { counter, shops, rows }
    }

    fn run(&self, more: &[&str]) -> super::counter::Ended {
        let ledgers = self.shops.each_ref().map(|shop| shop.path().display().to_string());
        let file = self.counter.path("bill.csv").display().to_string();
        let mut args = vec!["reconcile", &file, "--ledger", &ledgers[0], "--ledger", &ledgers[1]];
        args.extend(more);
        self.counter.shroff(&args)
    }
}

#[test]
fn the_day_of_two_terminals_agrees() {
    let chain = Chain::new();
    assert_eq!(chain.rows.len(), 8);
    for style in [Style::All27, Style::All24, Style::Success20, Style::Global38] {
        chain.counter.write("bill.csv", &statement(style, &chain.rows));
        let ended = chain.run(&[]).exits(0).prints("fine").prints("2026-03-02").prints("8 movements agree");
        assert!(ended.out.contains("payments") && ended.out.contains("246.68"), "{style:?} {ended:?}");
        chain.run(&["--json"]).exits(0).prints("\"fine\": true");
        chain.run(&["--csv"]).exits(0).prints("weight,kind,");
    }
}

/// The POS moved a sale to the other terminal, and both were paid.
#[test]
fn one_reference_paid_at_two_terminals_is_found_unless_each_counts_for_itself() {
    let counter = Counter::new();
    let mut shops = [Shop::open("T01", noon()), Shop::open("T02", noon())];
    let first = shops.each_mut().map(|shop| shop.sell(8800, Course::Paid));
    let rows =
        |shops: &[Shop; 2]| -> Vec<Move> { shops.iter().flat_map(|shop| listed(&counter, &shop.path())).collect() };
    let run = |shops: &[Shop; 2], rows: &[Move]| {
        counter.write("bill.csv", &statement(Style::All27, rows));
        let ledgers = shops.each_ref().map(|shop| shop.path().display().to_string());
        let file = counter.path("bill.csv").display().to_string();
        counter.shroff(&["reconcile", &file, "--json", "--no-store", "--ledger", &ledgers[0], "--ledger", &ledgers[1]])
    };
    let before = rows(&shops);
    let ended = run(&shops, &before).exits(1);
    let report: Value = serde_json::from_str(&ended.out).expect("JSON");
    assert_eq!(report["findings"].as_array().map(Vec::len), Some(1), "{report:#}");
    let finding = &report["findings"][0];
    assert_eq!((&finding["kind"], &finding["at_stake"]), (&"paid_twice".into(), &8800.into()));
    assert_eq!(
        (&finding["statement_net"], &finding["ledger_net"], &report["agreed"]),
        (&0.into(), &0.into(), &2.into())
    );
    let (cause, step) = (finding["cause"].as_str().expect("words"), finding["step"].as_str().expect("words"));
    assert!(
        cause.contains("the POS's reference R-1 was paid here with order T02") && cause.contains("order T01"),
        "{cause}"
    );
    assert!(step.contains(&format!("`shroff refund {} --reason", first[1])), "{step}");

    // Given back at the other terminal: nothing is owed any more.
    let number = shops[0].refund(&first[0], "twice", None, Back::Refunded);
    let mut refunded = before.clone();
    refunded.push(Move { state: "REFUND", refund_no: number, at: format!("{DAY} 12:00:30"), ..before[0].clone() });
    run(&shops, &refunded).exits(0);

    // Another amount under the same reference, or many in common: each terminal counts for itself.
    for (amounts, found) in [([300, 300], 0), ([300, 301], 0)] {
        let mut shops = [Shop::open("T01", noon()), Shop::open("T02", noon())];
        for (shop, amount) in shops.iter_mut().zip(amounts) {
            shop.sell(8800, Course::Paid);
            shop.sell(amount, Course::Paid);
        }
        run(&shops, &rows(&shops)).exits(found);
    }
}

#[test]
fn every_difference_is_told_with_a_command() {
    let mut chain = Chain::new();
    chain.rows[0].amount += 1;
    let lost = chain.rows.remove(1);
    chain.rows.push(Move { order: "T09K7Q2M9XB00000001".to_owned(), device: "T09".to_owned(), ..lost.clone() });
    chain.counter.write("bill.csv", &statement(Style::All27, &chain.rows));
    let ended = chain.run(&["--json"]).exits(1);
    let report: Value = serde_json::from_str(&ended.out).expect("JSON");
    let findings = report["findings"].as_array().expect("findings");
    let kinds: Vec<&str> = findings.iter().filter_map(|it| it["kind"].as_str()).collect();
    assert_eq!(kinds, ["amount_differs", "in_statement_only", "in_ledger_only"], "{report:#}");
    assert_eq!(findings[0]["at_stake"], 1);
    assert_eq!(findings[0]["statement"]["line"], 2);
    assert_eq!(findings[2]["out_trade_no"], lost.order.as_str());
    assert!(findings[1]["step"].as_str().is_some_and(|step| step.contains("--ledger T09.sqlite")), "{report:#}");
    let reference = findings[2]["ledger"]["ref"].as_str().expect("a ref");
    assert!(findings[2]["step"].as_str().is_some_and(|step| step.contains(&format!("`shroff show {reference}`"))));
    let total = &report["totals"][0];
    let sum = |side: &str| {
        total["by_kind"].as_array().expect("kinds").iter().map(|it| it[side].as_i64().expect("a sum")).sum::<i64>()
    };
    for side in ["statement", "ledger"] {
        let net = total[side]["net"].as_i64().expect("a net");
        assert_eq!(net, total["agreed"]["sum"].as_i64().expect("a sum") + sum(&format!("{side}_net")), "{report:#}");
    }
    chain
        .run(&[])
        .exits(1)
        .prints("amount differs")
        .prints("in ledger only")
        .prints("not fine")
        .prints("why")
        .prints("do ");
    let page = chain.counter.path("page.html");
    chain.run(&["--html", page.to_str().expect("utf-8")]).exits(1).tells("the page is in");
    let page = std::fs::read_to_string(page).expect("a page");
    assert!(page.contains("In the wrong") || page.contains("in the wrong place"), "{page}");
}

#[test]
fn a_statement_that_is_not_whole_is_refused_unless_it_is_wanted() {
    let chain = Chain::new();
    let text = statement(Style::All27, &chain.rows);
    let lines: Vec<&str> = text.split_inclusive("\r\n").collect();
    let cut = lines[..5].concat();
    chain.counter.write("bill.csv", &cut);
    chain.run(&[]).exits(65).tells("the summary, are missing").tells("--partial");
    chain.run(&["--partial"]).exits(1).tells("not all there").prints("in ledger only");
    let altered = text.replacen("`12.50,`0.00,", "`13.50,`0.00,", 1);
    assert_ne!(altered, text);
    chain.counter.write("bill.csv", &altered);
    chain.run(&[]).exits(65).tells("do not add up").tells("应结订单总金额");
    let spoilt = text.replacen("`12.50,`0.00,", "`12.5O,`0.00,", 1);
    chain.counter.write("bill.csv", &spoilt);
    chain.run(&[]).exits(65).tells("line 4: 应结订单金额 is no amount");
    chain.run(&["--partial", "--json"]).exits(1).prints("unreadable_line").tells("1 lines could not be used");
    let unknown = text.replacen("`SUCCESS,", "`HALFWAY,", 1);
    chain.counter.write("bill.csv", &unknown);
    chain.run(&[]).exits(1).prints("unreadable line").prints("nobody knows the state HALFWAY").prints("line 2 of");
    chain.counter.write("bill.csv", &cut[..cut.len() - 2]);
    chain.run(&["--partial", "--json"]).exits(1).prints("\"partial\": true");
    // All that is there agrees, and still nobody may say that all is well.
    let ledgers: Vec<Move> = chain.rows.clone();
    let whole: String = statement(Style::All27, &ledgers);
    let without_summary: Vec<&str> = whole.split_inclusive("\r\n").collect();
    chain.counter.write("bill.csv", &without_summary[..without_summary.len() - 2].concat());
    chain.run(&["--partial"]).exits(1).prints("not fine").prints("nothing is certain");
}

#[test]
fn a_line_behind_the_summary_is_named_and_the_summary_is_not_called_missing() {
    let chain = Chain::new();
    let text = statement(Style::All27, &chain.rows);
    let row = text.lines().nth(1).expect("a row").to_owned();
    chain.counter.write("bill.csv", &format!("{text}{row}\r\n"));
    let ended = chain.run(&[]).exits(65).tells("line 12: it comes after the summary").tells("do not add up");
    assert!(!ended.err.contains("are missing") && !ended.err.contains("line 1:"), "{ended:?}");
    // Every figure is right, and still the end is not where it was.
    let moved = text.replacen(&format!("{row}\r\n"), "", 1);
    chain.counter.write("bill.csv", &format!("{moved}{row}\r\n"));
    let ended = chain.run(&[]).exits(65).tells("its summary is not its end").tells("line 11: it comes after");
    assert!(!ended.err.contains("add up"), "{ended:?}");
    chain.run(&["--partial"]).exits(1).prints("8 movements agree").prints("nothing is certain");
}

/// Spreadsheets take the backticks away, or put every field into quotes.
#[test]
fn a_statement_that_a_spreadsheet_saved_is_said_to_be_one() {
    let chain = Chain::new();
    let text = statement(Style::All27, &chain.rows);
    for (spoilt, why) in [
        (text.replace('`', ""), "line 2: it is neither a row nor the summary"),
        (text.replace("`20", "20"), "line 2: it is neither a row nor the summary"),
        (text.replace(",`", "\t`"), "line 2: it has 1 fields, the header has 27"),
    ] {
        chain.counter.write("bill.csv", &spoilt);
        for more in [&[][..], &["--day", DAY], &["--partial"], &["--partial", "--day", DAY]] {
            let ended = chain
                .run(more)
                .exits(65)
                .tells("not one line of it can be used")
                .tells(why)
                .tells("as it was downloaded");
            assert!(!ended.err.contains("name it with --day") && !ended.err.contains("line 7"), "{ended:?}");
        }
    }
    // One without rows says so, and has no line that could not be used.
    chain.counter.write("bill.csv", &statement(Style::All27, &[]));
    chain.run(&[]).exits(65).tells("has no row that tells its day");
}

#[test]
fn a_page_is_put_where_nothing_was_and_never_over_what_was_compared() {
    use std::os::unix::fs::PermissionsExt as _;
    let chain = Chain::new();
    let text = statement(Style::All27, &chain.rows);
    chain.counter.write("bill.csv", &text);
    let path = |name: &str| chain.counter.path(name).display().to_string();
    chain.counter.write("page.html", "somebody's");
    chain.run(&["--html", &path("page.html"), "--json"]).exits(65).tells("--force replaces it").prints("");
    assert_eq!(std::fs::read_to_string(path("page.html")).expect("a file"), "somebody's");
    chain.run(&["--html", &path("page.html"), "--force"]).exits(0).tells("the page is in");
    chain.run(&["--html", &path("new.html")]).exits(0);
    for name in ["page.html", "new.html"] {
        assert!(std::fs::read_to_string(path(name)).expect("a page").starts_with("<!DOCTYPE html>"));
        let mode = std::fs::metadata(path(name)).expect("a page").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "what a shop takes is not everybody's");
    }
    chain.run(&["--force"]).exits(2);

    // By another name too: a link, a second name, a way round.
    std::os::unix::fs::symlink(path("bill.csv"), path("link.html")).expect("a link");
    std::fs::hard_link(path("bill.csv"), path("second.html")).expect("a name");
    let round =
        format!("{}/../{}/bill.csv", path(""), chain.counter.path("").file_name().expect("a name").to_string_lossy());
    for target in [path("bill.csv"), path("link.html"), path("second.html"), round] {
        for force in [&[][..], &["--force"]] {
            let ended = chain.run(&[&["--html", &target][..], force].concat()).exits(65).tells("is read");
            assert!(!ended.err.contains("--force"), "{ended:?}");
        }
    }
    let ledger = chain.shops[0].path();
    let before = std::fs::read(&ledger).expect("a ledger");
    for name in ["", "-wal", "-shm", ".lock", ".witness"] {
        let target = format!("{}{name}", ledger.display());
        assert!(Path::new(&target).exists(), "{target}");
        chain.run(&["--html", &target, "--force"]).exits(65).tells("is read");
    }
    assert_eq!(std::fs::read(&ledger).expect("a ledger"), before);
    assert_eq!(std::fs::read_to_string(path("bill.csv")).expect("a statement"), text);
    let left = std::fs::read_dir(chain.counter.path("")).expect("a folder");
    let left: Vec<_> =
        left.map(|it| it.expect("an entry").file_name()).filter(|it| it.to_string_lossy().ends_with(".part")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_packed_statement_is_unpacked() {
    let chain = Chain::new();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(statement(Style::All27, &chain.rows).as_bytes()).expect("packs");
    let packed = packed.finish().expect("packs");
    std::fs::write(chain.counter.path("bill.csv"), &packed).expect("a file");
    chain.run(&[]).exits(0).prints("8 movements agree");
    let one = chain.rows[0].clone();
    let mut planted = chain.rows.clone();
    planted[7].amount += 5;
    let mut again = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    again.write_all(statement(Style::All27, &planted).as_bytes()).expect("packs");
    std::fs::write(chain.counter.path("bill.csv"), again.finish().expect("packs")).expect("a file");
    chain.run(&["--json"]).exits(1).prints("\"line\": 9").never_says(&one.transaction);
    for cut in [3, 20, packed.len() / 2, packed.len() - 1] {
        std::fs::write(chain.counter.path("bill.csv"), &packed[..cut]).expect("a file");
        chain.run(&[]).exits(65);
        chain.run(&["--partial"]).exits(65);
    }
}

#[test]
fn the_wrong_file_is_named() {
    let chain = Chain::new();
    let run = |text: &str, more: &[&str]| {
        chain.counter.write("bill.csv", text);
        chain.run(more)
    };
    run("", &[]).exits(65).tells("empty");
    run("<xml><return_msg>Bill Creating</return_msg></xml>", &[]).exits(65).tells("Bill Creating");
    run("a,b\n1,2\n", &[]).exits(65).tells("交易时间");
    run("<xml><return_msg>No Bill Exist</return_msg></xml>", &[]).exits(65).tells("--day");
    run("<xml><return_msg>No Bill Exist</return_msg></xml>", &["--day", DAY]).exits(1).prints("in ledger only");
    run("<xml><return_msg>No Bill Exist</return_msg></xml>", &["--day", "2026-03-05"]).exits(0);
    let good = statement(Style::All27, &chain.rows);
    run(&good, &["--day", "2026-03-05"]).exits(65).tells("no row of the statements is of 2026-03-05");
    run(&good, &["--day", DAY]).exits(0);
    let file = chain.counter.path("bill.csv").display().to_string();
    run(&good, &[&file]).exits(65).tells("both tell of 2026-03-02");
    let ledger = chain.shops[0].path().display().to_string();
    run(&good, &["--ledger", &ledger]).exits(65).tells("a copy");
    chain.counter.shroff(&["reconcile", "nowhere.csv", "--ledger", &ledger]).exits(74).tells("nowhere.csv");
    chain.counter.shroff(&["reconcile", &file, "--ledger", "nowhere.sqlite"]).exits(74).tells("no ledger");
    chain.counter.shroff(&["reconcile"]).exits(2);
}

#[test]
fn the_ledger_is_read_beside_the_running_daemon() {
    let mut counter = Counter::with_gateway();
    counter.open();
    let paid = format!(r#"{{"client_ref":"R-1","amount":8800,"auth_code":"{CODE}"}}"#);
    let mut payment = counter.api().post("/v1/payments", &paid).json();
    while payment["final"] != true {
        let path = format!("/v1/payments/{}?wait=25&after={}", payment["ref"].as_str().expect("a ref"), payment["seq"]);
        payment = counter.api().get(&path).json();
    }
    let one = row(&payment);
    counter.write("bill.csv", &statement(Style::All27, std::slice::from_ref(&one)));
    let file = counter.path("bill.csv").display().to_string();
    counter.shroff(&["reconcile", &file]).exits(0).prints("1 movements agree").never_says(CODE);
    let dearer = Move { amount: 8900, ..one };
    counter.write("bill.csv", &statement(Style::All27, &[dearer]));
    counter.shroff(&["reconcile", &file]).exits(1).prints("amount differs").prints("R-1");
}

#[test]
fn the_json_document_names_everything_once() {
    let mut chain = Chain::new();
    chain.rows[0].amount += 1;
    chain.counter.write("bill.csv", &statement(Style::All27, &chain.rows));
    let ended = chain.run(&["--json"]).exits(1);
    let keys: Vec<&str> = ended
        .out
        .lines()
        .filter_map(|line| line.strip_prefix("  \"").and_then(|rest| rest.split_once('"')).map(|(key, _)| key))
        .collect();
    let wanted = [
        "fine",
        "partial",
        "days",
        "verdict",
        "agreed",
        "wrong",
        "look",
        "explained",
        "unlisted",
        "statements",
        "ledgers",
        "totals",
        "findings",
        "notes",
    ];
    assert_eq!(keys, wanted);
}
