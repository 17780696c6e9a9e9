//! Statements of every layout, whole and damaged.

use std::io::BufReader;

use proptest::prelude::*;
use shroff::reconcile::statement::{Fault, Kind, Layout, Movement, Part, Row, StatementError, StatementRow, Wholeness};

use super::sheet::{ARRIVED, Move, Style, statement, summary};

/// Reads a whole statement.
fn read(text: &[u8]) -> Result<(Layout, Part, Vec<StatementRow>), StatementError> {
    let mut input = BufReader::with_capacity(300, text);
    let layout = Layout::read(&mut input)?;
    let mut rows = Vec::new();
    let part = Part::read(&layout, &mut input, |line, row| rows.push(row.kept(0, u64::from(line) + 1)))?;
    Ok((layout, part, rows))
}

fn whole(text: &[u8]) -> bool {
    let Ok((layout, part, _)) = read(text) else { return false };
    part.wholeness(&layout) == Wholeness::Whole && part.bad_count == 0
}

fn sale(no: u32, amount: u64) -> Move {
    Move {
        state: "SUCCESS",
        at: format!("2026-03-02 12:{:02}:09", no % 60),
        order: format!("T01K7Q2M9XB{no:08}"),
        transaction: format!("42000099902026030200{no:08}"),
        refund_no: String::new(),
        amount,
        currency: "CNY",
        device: "T01".to_owned(),
        product: "港式奶茶, 大杯, \"less\" ice 🧋".to_owned(),
    }
}

fn back(state: &'static str, of: &Move, refund_no: &str, amount: u64) -> Move {
    Move { state, at: "2026-03-02 23:59:59".to_owned(), refund_no: refund_no.to_owned(), amount, ..of.clone() }
}

fn day() -> Vec<Move> {
    let (tea, set, umbrella) = (sale(1, 1250), sale(2, 8800), sale(3, 3000));
    let returned = back("REFUND", &set, "R-T01-0002", 2000);
    let revoked = back("REVOKED", &umbrella, "", 3000);
    vec![tea, set, returned, umbrella, revoked]
}

#[test]
fn the_vectors_of_both_dialects_are_read() {
    let (layout, part, rows) = read(include_bytes!("../../data/statements/statement_v2_all.csv")).expect("a statement");
    assert_eq!(layout.kind, Kind::All);
    assert_eq!((part.rows, part.bad_count, part.wholeness(&layout)), (5, 0, Wholeness::Whole));
    assert_eq!(part.own_day().map(|day| day.to_string()).as_deref(), Some("2026-03-02"));
    let told: Vec<_> = rows.iter().map(|row| (row.line, row.movement, row.amount, row.out_trade_no.as_str())).collect();
    assert_eq!(
        told,
        [
            (2, Movement::Payment, 1250, "T01-20260302-0004"),
            (3, Movement::Revoked, 3000, "T02-20260302-0003"),
            (4, Movement::Payment, 3000, "T02-20260302-0003"),
            (5, Movement::Refund, 2000, "T01-20260302-0002"),
            (6, Movement::Payment, 8800, "T01-20260302-0002"),
        ]
    );
    assert_eq!(rows[0].at.to_string(), "2026-03-02T10:20:45.000Z");
    assert_eq!((rows[1].out_refund_no.as_str(), rows[3].out_refund_no.as_str()), ("", "R-T01-20260302-0002"));

    let (layout, part, rows) = read(include_bytes!("../../data/statements/statement_v3.csv")).expect("a statement");
    assert_eq!(layout.kind, Kind::Global);
    assert_eq!((part.rows, part.bad_count, part.wholeness(&layout)), (5, 0, Wholeness::Whole));
    let told: Vec<_> = rows.iter().map(|row| (row.movement, row.amount, row.currency.code())).collect();
    assert_eq!(
        told,
        [
            (Movement::Payment, 3600, "HKD"),
            (Movement::Revoked, 6000, "HKD"),
            (Movement::Payment, 6000, "HKD"),
            (Movement::Refund, 2500, "HKD"),
            (Movement::Payment, 10000, "HKD"),
        ]
    );
}

#[test]
fn every_layout_tells_the_same() {
    for style in Style::EVERY {
        let moves: Vec<Move> = day().into_iter().filter(|it| style.has(it.state)).collect();
        let text = statement(style, &moves);
        let (layout, part, rows) = read(text.as_bytes()).expect("a statement");
        assert_eq!(part.wholeness(&layout), Wholeness::Whole, "{style:?}");
        assert_eq!(part.bad, [], "{style:?}");
        let kind = match style {
            Style::All27 | Style::All24 => Kind::All,
            Style::Success20 => Kind::Success,
            Style::Refund29 => Kind::Refund,
            Style::Global38 => Kind::Global,
        };
        assert_eq!(layout.kind, kind);
        assert_eq!(rows.len(), moves.len(), "{style:?}");
        for (row, it) in rows.iter().zip(&moves) {
            let state = match row.movement {
                Movement::Payment => "SUCCESS",
                Movement::Refund => "REFUND",
                Movement::Revoked => "REVOKED",
            };
            assert_eq!((state, row.amount, &row.out_trade_no), (it.state, it.amount, &it.order), "{style:?}");
            assert_eq!((&row.transaction_id, &row.out_refund_no), (&it.transaction, &it.refund_no), "{style:?}");
            assert_eq!(row.device, it.device, "{style:?}");
            let day = if style == Style::Refund29 { "2026-03-02T15:59:59.000Z".to_owned() } else { row.at.to_string() };
            assert_eq!(row.at.to_string(), day, "a refund's own time, not the payment's");
        }
    }
}

#[test]
fn a_refund_is_of_the_day_it_was_accepted_whatever_else_its_row_says() {
    let moves = [back("REFUND", &sale(1, 1250), "R-1", 500)];
    let text = statement(Style::Refund29, &moves);
    let times = |text: &str| -> (Kind, Vec<String>) {
        let (layout, part, rows) = read(text.as_bytes()).expect("a statement");
        assert_eq!((part.bad_count, part.wholeness(&layout)), (0, Wholeness::Whole), "{text}");
        (layout.kind, rows.iter().map(|row| row.at.to_string()).collect())
    };
    let (accepted, arrived) = ("2026-03-02T15:59:59.000Z".to_owned(), "2029-12-31T16:10:00.000Z".to_owned());
    assert!(text.contains(ARRIVED));
    assert_eq!(times(&text), (Kind::Refund, vec![accepted.clone()]));
    // The columns the other way round, the one not filled, and the one not there.
    let turned = text
        .replace("退款申请时间,退款成功时间", "退款成功时间,退款申请时间")
        .replace(&format!("`2026-03-02 23:59:59,`{ARRIVED}"), &format!("`{ARRIVED},`2026-03-02 23:59:59"));
    assert_ne!(turned, text);
    assert_eq!(times(&turned).1, std::slice::from_ref(&accepted));
    let empty = text.replace("`2026-03-02 23:59:59,", "`,");
    assert_ne!(empty, text);
    assert_eq!(times(&empty).1, std::slice::from_ref(&arrived));
    let missing = empty.replace("退款申请时间,", "").replace(&format!("`,`{ARRIVED}"), &format!("`{ARRIVED}"));
    assert_eq!(times(&missing), (Kind::Refund, vec![arrived]));

    // v3 has the refund's own time in the first column; should it get such columns, they mean the same.
    let v3 = statement(Style::Global38, &moves);
    assert_eq!(times(&v3), (Kind::Global, vec![accepted.clone()]));
    let mut wider = format!("\u{feff}{},退款申请时间,退款成功时间\r\n", Style::Global38.header());
    let row = v3.lines().nth(1).expect("a row").replacen("2026-03-02 23:59:59", "2020-01-01 00:00:00", 1);
    wider.push_str(&format!("{row},`2026-03-02 23:59:59,`{ARRIVED}\r\n"));
    wider.push_str(&summary(Style::Global38, &moves.iter().collect::<Vec<_>>()));
    assert_eq!(times(&wider), (Kind::Global, vec![accepted]));
}

#[test]
fn what_follows_the_summary_is_told_with_its_line_and_the_summary_is_not_missing() {
    for style in [Style::All27, Style::Global38] {
        let text = statement(style, &day());
        let row = text.lines().nth(1).expect("a row").to_owned();
        let lines = text.lines().count();
        // A row more, one that was moved there, and another statement behind it.
        let (more, moved) = (format!("{text}{row}\r\n{row}\r\n"), text.replacen(&format!("{row}\r\n"), "", 1));
        let moved = format!("{moved}\r\n{row}\r\n");
        let again = format!("{text}{text}");
        for (spoilt, at) in [(more, lines + 1), (moved, lines + 1), (again, lines + 1)] {
            let (layout, part, _) = read(spoilt.as_bytes()).expect("a statement");
            let told: Vec<(usize, &Fault)> =
                part.bad.iter().map(|(line, fault)| (usize::try_from(*line).expect("small") + 1, fault)).collect();
            assert_eq!(told.first(), Some(&(at, &Fault::AfterSummary)), "{style:?} {spoilt}");
            let whole = part.wholeness(&layout);
            assert!(whole != Wholeness::Whole && whole != Wholeness::NoSummary, "{style:?} {whole:?} {spoilt}");
        }
    }
    // The same where the summary ends one part, and rows are the next.
    let text = statement(Style::All27, &day());
    let mut input = text.as_bytes();
    let layout = Layout::read(&mut input).expect("a layout");
    let mut part = Part::read(&layout, &mut &input[..], |_, _| ()).expect("reads");
    let row = format!(
        "{}\r\n",
        input.split(|byte| *byte == b'\n').next().map(String::from_utf8_lossy).expect("a row").trim()
    );
    part.join(&Part::read(&layout, &mut row.as_bytes(), |_, _| ()).expect("reads"));
    assert_eq!(part.bad, [(8, Fault::AfterSummary)]);
    assert!(matches!(part.wholeness(&layout), Wholeness::Altered(_)), "{:?}", part.wholeness(&layout));
}

#[test]
fn yen_are_not_hundredths_and_currencies_stay_apart() {
    let yen = Move { currency: "JPY", ..sale(1, 1200) };
    let text = statement(Style::All27, &[yen, sale(2, 1200)]);
    let (layout, part, rows) = read(text.as_bytes()).expect("a statement");
    assert_eq!(part.wholeness(&layout), Wholeness::Whole);
    assert_eq!((rows[0].amount, rows[0].currency.code()), (1200, "JPY"));
    assert_eq!((rows[1].amount, rows[1].currency.code()), (1200, "CNY"));
    let (_, part, rows) = read(text.replace("1200.00", "1200.50").as_bytes()).expect("a statement");
    assert_eq!(rows.len(), 1, "half a yen is no amount");
    assert!(matches!(part.bad.as_slice(), [(1, Fault::Minor { .. })]), "{:?}", part.bad);
}

#[test]
fn anything_may_stand_in_a_name() {
    let names = [
        "a,b",
        "`",
        "a`b",
        ",`",
        "x,`y,`z",
        "=1+1",
        "\"quoted\"",
        "",
        "🧋🧋",
        "line\nbreak",
        "two\r\nline\nbreaks",
        "a,\n,b",
    ];
    let moves: Vec<Move> =
        names.iter().zip(1..).map(|(name, no)| Move { product: (*name).to_owned(), ..sale(no, 100) }).collect();
    for style in Style::EVERY.into_iter().filter(|style| style.has("SUCCESS")) {
        let text = statement(style, &moves);
        let (layout, part, rows) = read(text.as_bytes()).expect("a statement");
        assert_eq!(part.bad, [], "{style:?}");
        assert_eq!(part.wholeness(&layout), Wholeness::Whole, "{style:?}");
        assert_eq!(rows.len(), names.len());
        assert!(rows.iter().all(|row| row.amount == 100), "{style:?}");
    }
}

#[test]
fn a_bad_line_is_told_with_its_number_and_the_others_are_read() {
    let good = statement(Style::All27, &day());
    let lines: Vec<&str> = good.split_inclusive("\r\n").collect();
    let spoilt = |at: usize, with: &dyn Fn(&str) -> String| -> String {
        lines.iter().enumerate().map(|(no, line)| if no == at { with(line) } else { (*line).to_owned() }).collect()
    };
    type Spoil<'a> = &'a dyn Fn(&str) -> String;
    let cases: [(Spoil<'_>, &str); 6] = [
        (&|line| line.replacen(",`", ",", 1), "it has 26 fields, the header has 27"),
        (&|line| line.replace("88.00", "88.0O"), "应结订单金额 is no amount"),
        (&|line| line.replace("SUCCESS", "HALFWAY"), "nobody knows the state HALFWAY"),
        (&|line| line.replace("CNY", "XTS"), "nobody knows the currency XTS"),
        (&|line| line.replace("12:02:09", "12:62:09"), "its time is not written as 2026-11-21 11:38:26"),
        (&|_| "hello\r\n".to_owned(), "it is neither a row nor the summary"),
    ];
    for (spoil, wanted) in cases {
        let (_, part, rows) = read(spoilt(2, spoil).as_bytes()).expect("a statement");
        assert_eq!(rows.len(), 4, "{wanted}");
        let told: Vec<(u32, String)> = part.bad.iter().map(|(line, fault)| (line + 1, fault.to_string())).collect();
        assert_eq!(told, [(3, wanted.to_owned())]);
    }
}

#[test]
fn what_is_no_statement_is_named() {
    let answer = |message: &str| {
        format!("<xml><return_code><![CDATA[FAIL]]></return_code><return_msg><![CDATA[{message}]]></return_msg></xml>")
    };
    assert!(matches!(read(b""), Err(StatementError::Empty)));
    assert!(matches!(read(answer("No Bill Exist").as_bytes()), Err(StatementError::NoBill)));
    assert!(
        matches!(read(answer("Bill Creating").as_bytes()), Err(StatementError::Answer(text)) if text == "Bill Creating")
    );
    assert!(matches!(read(b"<html><body>502</body></html>"), Err(StatementError::Markup)));
    assert!(matches!(read(b"PK\x03\x04zip"), Err(StatementError::Packed)));
    assert!(matches!(read(b"\xbd\xbb\xd2\xd7\xca\xb1\xbc\xe4,x\r\n"), Err(StatementError::NotUtf8)));
    assert!(matches!(read(b"date,amount\r\n1,2\r\n"), Err(StatementError::NoColumn(name)) if name == "交易时间"));
}

#[test]
fn a_statement_cut_anywhere_is_never_taken_for_whole() {
    for style in Style::EVERY {
        let text = statement(style, &day());
        let end = text.trim_end().len();
        for cut in 0..text.len() {
            // Behind the last digit only the line end is missing; `50.0` without its last places is still fifty.
            let lost = text.as_bytes().get(cut..end).unwrap_or_default();
            let lost_nothing = lost.strip_prefix(b".").unwrap_or(lost).iter().all(|byte| *byte == b'0');
            assert!(
                !whole(&text.as_bytes()[..cut]) || lost_nothing,
                "{style:?} cut at {cut}: {:?}",
                &text.as_bytes()[cut..]
            );
        }
        assert!(whole(text.as_bytes()));
    }
}

#[test]
fn an_altered_digit_of_an_amount_does_not_add_up() {
    let text = statement(Style::All27, &day());
    let amounts: Vec<usize> = text
        .match_indices(|c: char| c.is_ascii_digit())
        .map(|(at, _)| at)
        .filter(|at| {
            // Digits of fields that are decimals: rows' amounts, fees, and the summary. It sums up no vouchers.
            let line = &text[text[..*at].rfind('\n').unwrap_or(0)..*at];
            let field = text[..*at].rfind('`').map_or("", |from| &text[from + 1..]);
            let field = &field[..field.find([',', '\r']).unwrap_or(field.len())];
            let decimal = field.contains('.') && !field.contains('%') && !field.contains(char::is_alphabetic);
            decimal && line.matches('`').count() != 14
        })
        .collect();
    assert!(amounts.len() > 100);
    for at in amounts {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = if bytes[at] == b'9' { b'0' } else { bytes[at] + 1 };
        assert!(!whole(&bytes), "altered at {at}");
    }
}

#[test]
fn a_row_lost_doubled_or_added_does_not_add_up() {
    let text = statement(Style::All27, &day());
    let lines: Vec<&str> = text.split_inclusive("\r\n").collect();
    for at in 1..=5 {
        let mut lost = lines.clone();
        lost.remove(at);
        assert!(!whole(lost.concat().as_bytes()), "line {at} lost");
        let mut doubled = lines.clone();
        doubled.insert(at, lines[at]);
        assert!(!whole(doubled.concat().as_bytes()), "line {at} doubled");
        let mut after = lines.clone();
        after.push(lines[at]);
        assert!(!whole(after.concat().as_bytes()), "line {at} again behind the summary");
        let mut moved = lines.clone();
        let row = moved.remove(at);
        moved.insert(1, row);
        assert!(whole(moved.concat().as_bytes()), "the order of rows means nothing");
    }
}

#[test]
fn parts_make_the_whole() {
    let moves: Vec<Move> = (1..200).map(|no| sale(no, u64::from(no) * 7)).collect();
    let text = statement(Style::Global38, &moves);
    let (layout, at_once, rows) = read(text.as_bytes()).expect("a statement");
    let body = &text.as_bytes()[usize::try_from(layout.header_bytes).expect("small")..];
    let ends: Vec<usize> = body.windows(2).enumerate().filter(|(_, it)| it == b"\n`").map(|(at, _)| at + 1).collect();
    for at in [0, 1, 50, 150, ends.len() - 2] {
        let (first, last) = body.split_at(ends[at]);
        let mut told = Vec::new();
        let mut part =
            Part::read(&layout, &mut &first[..], |_, row| told.push(row.out_trade_no.to_vec())).expect("reads");
        let next = Part::read(&layout, &mut &last[..], |_, row| told.push(row.out_trade_no.to_vec())).expect("reads");
        part.join(&next);
        assert_eq!(part.wholeness(&layout), Wholeness::Whole);
        assert_eq!((part.rows, part.lines, part.own_day()), (at_once.rows, at_once.lines, at_once.own_day()));
        assert_eq!(told.len(), rows.len());
        let mut wrong_way = Part::read(&layout, &mut &last[..], |_, _| ()).expect("reads");
        wrong_way.join(&Part::read(&layout, &mut &first[..], |_, _| ()).expect("reads"));
        assert_ne!(wrong_way.wholeness(&layout), Wholeness::Whole, "rows after the summary");
    }
}

#[test]
fn rows_are_found_again_by_their_line() {
    let mut moves: Vec<Move> = (1..500).map(|no| sale(no, u64::from(no) * 7)).collect();
    for at in [20, 62, 63, 64, 126, 300] {
        moves[at].product = "line\nbreak".to_owned();
    }
    let text = statement(Style::All27, &moves);
    let mut input = text.as_bytes();
    let layout = Layout::read(&mut input).expect("a layout");
    let body = input;
    let mut lines = Vec::new();
    let part = Part::read(&layout, &mut &body[..], |line, row| lines.push((line, row.out_trade_no.to_vec())));
    let part = part.expect("reads");
    for step in [1, 2, 7, 40, 499] {
        let wanted: Vec<(u32, Vec<u8>)> = lines.iter().skip(step / 2).step_by(step).cloned().collect();
        let numbers: Vec<u32> = wanted.iter().map(|(line, _)| *line).collect();
        let mut found = Vec::new();
        let mut keep = |line: u32, row: &Row<'_>| found.push((line, row.out_trade_no.to_vec()));
        Part::pick(&layout, &mut &body[..], 1, &numbers, &mut keep).expect("reads");
        assert_eq!(found, wanted);
        found.clear();
        for number in numbers {
            let (first, offset) = part.mark_before(number);
            assert!(first <= number && number - first < 64);
            let input = &mut &body[usize::try_from(offset).expect("small")..];
            Part::pick(&layout, input, first, &[number], |line, row| found.push((line, row.out_trade_no.to_vec())))
                .expect("reads");
        }
        assert_eq!(found, wanted, "and from the mark before it");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_bytes_never_panic_and_never_add_up(noise in prop::collection::vec(any::<u8>(), 0..300), style in 0_usize..5) {
        let style = Style::EVERY[style];
        read(&noise).ok();
        let mut text = format!("{}\r\n", style.header()).into_bytes();
        text.extend_from_slice(&noise);
        prop_assert!(!whole(&text));
    }

    #[test]
    fn random_damage_never_panics(at in any::<prop::sample::Index>(), with in "[`,0-9.\r\nA-Z一-三]{0,12}", cut in 0_usize..30) {
        let text = statement(Style::All27, &day());
        let mut bytes = text.into_bytes();
        let from = at.index(bytes.len());
        let to = (from + cut).min(bytes.len());
        bytes.splice(from..to, with.into_bytes());
        read(&bytes).ok();
    }
}
