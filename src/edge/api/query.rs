//! What stands behind the question mark, read as strictly as a body.

use std::time::Duration;

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;

use super::ask::not_a_code;
use super::fields::Fields;
use super::problem::{Kind, Problem};
use crate::ledger::{Filter, Search};
use crate::words::{Currency, Day, Money};

/// A query string as axum hands it over.
pub(super) type Pairs = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// Seconds a long poll may wait.
const WAIT_MAX: u64 = 60;
/// Payments on a page when the request does not say, and at most.
const PAGE: u32 = 50;
const PAGE_MAX: u32 = 200;
/// Characters of what is searched for: the longest name there is.
const SEARCH_MAX: usize = 64;

/// How long to wait for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) wait: Duration,
    /// The change the caller knows of.
    pub(super) after: u64,
}

/// Reads `?wait=&after=`.
pub(super) fn look(pairs: Pairs) -> Result<Look, Problem> {
    let mut fields = fields(pairs)?;
    let wait = fields.parsed("wait", |text| whole(text, 0, WAIT_MAX));
    let after = fields.parsed("after", |text| whole(text, 0, u64::MAX));
    fields.finish(&["wait", "after"])?;
    Ok(Look { wait: Duration::from_secs(wait.unwrap_or(0)), after: after.unwrap_or(0) })
}

/// Reads `?day=`.
pub(super) fn day(pairs: Pairs) -> Result<Option<Day>, Problem> {
    let mut fields = fields(pairs)?;
    let day = fields.parsed("day", |text| text.parse::<Day>().map_err(|error| error.to_string()));
    fields.finish(&["day"])?;
    Ok(day)
}

/// Reads `?open=&client_ref=&day=&q=&limit=&before=`. An amount that is searched for is one of `currency`.
pub(super) fn list(pairs: Pairs, currency: Currency) -> Result<Filter, Problem> {
    let mut fields = fields(pairs)?;
    let open = fields.parsed("open", |text| match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("true or false is needed".to_owned()),
    });
    let client_ref = fields.name("client_ref");
    let day = fields.parsed("day", |text| text.parse::<Day>().map_err(|error| error.to_string()));
    let limit = fields.parsed("limit", |text| whole(text, 1, u64::from(PAGE_MAX)));
    let before = fields.name("before");
    let search = fields.parsed("q", |text| search(text, currency));
    fields.finish(&["open", "client_ref", "day", "q", "limit", "before"])?;
    Ok(Filter {
        open: open.unwrap_or(false),
        client_ref,
        from: day.map(Day::begin),
        to: day.map(Day::end),
        limit: limit.and_then(|limit| u32::try_from(limit).ok()).unwrap_or(PAGE),
        before,
        search,
    })
}

/// What somebody looks for: any piece of a name or a number, or an amount as people write it.
fn search(text: &str, currency: Currency) -> Result<Search, String> {
    not_a_code(text)?;
    let text = text.trim();
    if text.is_empty() || text.chars().count() > SEARCH_MAX || text.chars().any(char::is_control) {
        return Err(format!("1 to {SEARCH_MAX} characters are needed, control characters not among them"));
    }
    let amount = Money::parse_major(&text.replace(',', ""), currency).ok();
    Ok(Search { text: text.to_ascii_lowercase(), amount: amount.map(Money::minor) })
}

/// Reads `?after=`, which the header `Last-Event-ID` overrules: a browser keeps the address and moves the header on.
pub(super) fn resume(pairs: Pairs, last_event_id: Option<&[u8]>) -> Result<Option<u64>, Problem> {
    let mut fields = fields(pairs)?;
    let after = fields.parsed("after", |text| whole(text, 0, u64::MAX));
    fields.finish(&["after"])?;
    let Some(id) = last_event_id else { return Ok(after) };
    let id = std::str::from_utf8(id).ok().and_then(|id| whole(id, 0, u64::MAX).ok());
    id.map(Some).ok_or_else(|| {
        Problem::field(Kind::Invalid, "Last-Event-ID", "the id of the last event that was received is needed, a number")
    })
}

/// Refuses every parameter.
pub(super) fn none(pairs: Pairs) -> Result<(), Problem> {
    fields(pairs)?.finish(&[])
}

fn fields(pairs: Pairs) -> Result<Fields, Problem> {
    let Query(pairs) = pairs.map_err(|_| Problem::new(Kind::Malformed, "the query string cannot be read"))?;
    Fields::of_query(&pairs)
}

/// Digits and nothing else: `+1` and `1.0` are somebody's mistake.
fn whole(text: &str, min: u64, max: u64) -> Result<u64, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let found = text.parse().ok().filter(|number| digits && (min..=max).contains(number));
    found.ok_or_else(|| {
        if max == u64::MAX { "a whole number is needed".to_owned() } else { format!("{min} to {max} is needed") }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hkd() -> Currency {
        "HKD".parse().expect("a currency")
    }

    fn pairs(query: &str) -> Pairs {
        let uri = format!("/?{query}").parse().expect("a uri");
        Query::try_from_uri(&uri)
    }

    #[test]
    fn a_look_without_a_word_waits_for_nothing() {
        assert_eq!(look(pairs("")).expect("a look"), Look { wait: Duration::ZERO, after: 0 });
        assert_eq!(look(pairs("wait=25&after=7")).expect("a look"), Look { wait: Duration::from_secs(25), after: 7 });
    }

    #[test]
    fn what_is_not_understood_is_refused_and_not_skipped() {
        for query in ["wait=61", "wait=-1", "wait=1.5", "wait=", "after=x", "wait=1&wait=1", "until=5", "wait=%31%00"] {
            assert_eq!(look(pairs(query)).expect_err(query).code(), "invalid", "{query}");
        }
        for query in
            ["open=yes", "day=today", "limit=0", "limit=201", "before=%20", "client_ref=a%20b", "page=2", "q=", "q=%20"]
        {
            assert_eq!(list(pairs(query), hkd()).expect_err(query).code(), "invalid", "{query}");
        }
    }

    #[test]
    fn a_day_is_chinas() {
        let filter = list(pairs("day=2026-11-21&open=true&limit=3"), hkd()).expect("a filter");
        assert_eq!(filter.from.map(|at| at.to_string()), Some("2026-11-20T16:00:00.000Z".to_owned()));
        assert_eq!(filter.to.map(|at| at.to_string()), Some("2026-11-21T16:00:00.000Z".to_owned()));
        assert!(filter.open && filter.limit == 3);
    }

    #[test]
    fn a_search_is_a_piece_of_text_and_perhaps_an_amount_but_never_a_code() {
        let of = |query| list(pairs(query), hkd()).map(|filter| filter.search.expect("a search"));
        let found = of("q=%201,234.50%20").expect("a search");
        assert_eq!((found.text.as_str(), found.amount), ("1,234.50", Some(123_450)));
        let found = of("q=T01-ABC").expect("a search");
        assert_eq!((found.text.as_str(), found.amount), ("t01-abc", None));
        let problem = of("q=134539517967681395").expect_err("a code");
        assert!(!format!("{problem:?}").contains("134539517967681395"));
    }

    #[test]
    fn the_header_of_a_reconnecting_reader_wins() {
        assert_eq!(resume(pairs("after=3"), Some(b"9")).expect("an id"), Some(9));
        assert_eq!(resume(pairs("after=3"), None).expect("an id"), Some(3));
        assert_eq!(resume(pairs(""), None).expect("none"), None);
        assert!(resume(pairs(""), Some(b"x")).is_err());
    }
}
