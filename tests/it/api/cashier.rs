//! The cashier page: who may sign in, what a session may do, and what the page asks of the API.

use std::time::Duration;

use serde_json::Value;

use super::CODE;
use crate::support::{SUPERVISOR, Shop, TOKEN};

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// Signs in over TCP with a code from the socket, and gives the session.
fn sign_in(shop: &Shop) -> String {
    let minted = shop.unix.post("/v1/login/code", "{}");
    assert_eq!(minted.status, 201, "{}", minted.body);
    let code = minted.json()["code"].as_str().expect("a code").to_owned();
    session(&shop.tcp.post("/v1/login", &format!(r#"{{"code":"{code}"}}"#)).json())
}

fn session(answer: &Value) -> String {
    answer["session"].as_str().unwrap_or_else(|| panic!("no session: {answer}")).to_owned()
}

fn bearer(token: &str) -> (&'static str, String) {
    ("Authorization", format!("Bearer {token}"))
}

/// Scans, lets the gateway say *paid*, and waits until that is kept.
fn pay(shop: &Shop, reference: &str) {
    let call = shop.scan(CODE);
    shop.pay(&call);
    let mut seq = 0;
    loop {
        let now = shop.unix.get(&format!("/v1/payments/{reference}?wait=10&after={seq}")).json();
        if now["state"] == "paid" {
            return;
        }
        assert!(now["seq"].as_u64().is_some_and(|next| next > seq), "it stays {now}");
        seq = now["seq"].as_u64().expect("a seq");
    }
}

fn status(shop: &Shop, token: &str) -> u16 {
    let (name, value) = bearer(token);
    shop.tcp.ask("GET", "/v1/lanes", &[(name, &value)], "").status
}

#[test]
fn a_code_from_the_socket_signs_in_once() {
    let shop = Shop::open(&["1"]);
    let minted = shop.unix.post("/v1/login/code", "{}").json();
    let (code, link) = (minted["code"].as_str().expect("a code"), minted["link"].as_str().expect("a link"));
    assert!(link.starts_with("http://127.0.0.1:") && link.ends_with(&format!("/cashier/1#login={code}")), "{link}");
    assert_eq!(minted["expires_in_s"], 300);
    let body = format!(r#"{{"code":"{code}"}}"#);
    let first = shop.tcp.post("/v1/login", &body);
    assert_eq!(first.status, 201);
    assert!(!first.head.contains("set-cookie"), "a cookie would go to every port of this host");
    assert_eq!(status(&shop, &session(&first.json())), 200);
    let again = shop.tcp.post("/v1/login", &body);
    assert_eq!((again.status, again.code().as_str()), (403, "login_refused"));
    assert!(!again.body.contains(code));
}

#[test]
fn a_comparison_with_the_statement_is_taken_over_the_socket_only() {
    let shop = Shop::open(&["1"]);
    let body = r#"{"day":"2020-01-01","payments":true,"refunds":true,"complete":true,"wrong":0,"look":0,"explained":0,
        "unlisted":0,"agreed":0,"totals":[],"statements":[],"terminals":[]}"#;
    for token in [TOKEN, SUPERVISOR, &sign_in(&shop)] {
        let (name, value) = bearer(token);
        let asked = shop.tcp.ask("POST", "/v1/reconciliations", &[JSON, (name, &value)], body);
        assert_eq!((asked.status, asked.code().as_str()), (403, "socket_only"), "{}", asked.body);
    }
    assert_eq!(shop.unix.post("/v1/reconciliations", body).status, 204);
}

#[test]
fn a_code_is_made_over_the_socket_only() {
    let shop = Shop::open(&["1"]);
    for token in [TOKEN, SUPERVISOR, &sign_in(&shop)] {
        let (name, value) = bearer(token);
        let asked = shop.tcp.ask("POST", "/v1/login/code", &[JSON, (name, &value)], "{}");
        assert_eq!((asked.status, asked.code().as_str()), (403, "socket_only"));
    }
    assert_eq!(shop.tcp.post("/v1/login/code", "{}").status, 401);
    let two = Shop::open(&["1", "2"]);
    assert_eq!(two.unix.post("/v1/login/code", "{}").code(), "no_such_lane");
    let named = two.unix.post("/v1/login/code", r#"{"lane":"2"}"#).json();
    assert!(named["page"].as_str().is_some_and(|page| page.ends_with("/cashier/2")), "{named}");
}

#[test]
fn a_code_dies_after_five_minutes_and_a_session_after_sixteen_hours() {
    let shop = Shop::open(&["1"]);
    let minted = shop.unix.post("/v1/login/code", "{}").json();
    let session = sign_in(&shop);
    shop.pass(Duration::from_secs(300));
    let body = format!(r#"{{"code":{}}}"#, minted["code"]);
    assert_eq!(shop.tcp.post("/v1/login", &body).code(), "login_refused");
    shop.pass(Duration::from_secs(16 * 3600 - 330));
    assert_eq!(status(&shop, &session), 200);
    shop.pass(Duration::from_secs(60));
    assert_eq!(status(&shop, &session), 401);
}

#[test]
fn logging_out_ends_this_session_and_no_other() {
    let shop = Shop::open(&["1"]);
    let [one, other] = [sign_in(&shop), sign_in(&shop)];
    let (name, value) = bearer(&one);
    assert_eq!(shop.tcp.ask("POST", "/v1/logout", &[JSON, (name, &value)], "{}").status, 204);
    assert_eq!((status(&shop, &one), status(&shop, &other)), (401, 200));
    let token = bearer(TOKEN);
    assert_eq!(shop.tcp.ask("POST", "/v1/logout", &[JSON, (token.0, &token.1)], "{}").status, 204);
    assert_eq!(status(&shop, TOKEN), 200, "a token is no session");
}

#[test]
fn whoever_has_a_token_signs_in_with_it_and_is_no_supervisor() {
    let shop = Shop::open(&["1"]);
    for token in [TOKEN, SUPERVISOR] {
        let answer = shop.tcp.post("/v1/login", &format!(r#"{{"token":" {token} "}}"#));
        assert_eq!((answer.status, status(&shop, &session(&answer.json()))), (201, 200));
    }
    let payment = shop.sell("R-1", 8800);
    pay(&shop, &payment);
    let boss = shop.tcp.post("/v1/login", &format!(r#"{{"token":"{SUPERVISOR}"}}"#)).json();
    let path = format!("/v1/payments/{payment}/refunds");
    let body = r#"{"refund_ref":"R-1/1","amount":5001,"reason":"returned"}"#;
    let ask = |token: &str| {
        let (name, value) = bearer(token);
        shop.tcp.ask("POST", &path, &[JSON, (name, &value)], body)
    };
    assert_eq!(ask(&session(&boss)).code(), "supervisor_needed");
    // A wrong token is refused by itself: a session beside it would let it pass for an operator's.
    assert_eq!(ask("b055b056").status, 401);
    assert_eq!(ask(SUPERVISOR).status, 201);
}

#[test]
fn nobody_signs_in_from_another_page_or_under_another_name() {
    let shop = Shop::open(&["1"]);
    let body = format!(r#"{{"token":"{TOKEN}"}}"#);
    let with = |headers: &[(&str, &str)]| {
        let answer = shop.tcp.ask("POST", "/v1/login", headers, &body);
        assert!(!answer.body.contains(TOKEN) && !answer.body.contains("session"), "{}", answer.body);
        answer.code()
    };
    assert_eq!(with(&[JSON, ("Origin", "http://127.0.0.1:9999")]), "wrong_origin");
    assert_eq!(with(&[JSON, ("Origin", "null")]), "wrong_origin");
    assert_eq!(with(&[JSON, ("Host", "evil.example")]), "wrong_host");
    // What a form of a foreign page can send without asking first.
    assert_eq!(with(&[("Content-Type", "text/plain")]), "not_json");
    assert_eq!(with(&[("Content-Type", "application/x-www-form-urlencoded")]), "not_json");
}

#[test]
fn what_does_not_sign_in_is_never_repeated() {
    let shop = Shop::open(&["1"]);
    for (body, code) in [
        (r#"{"code":"AAAAA-CANARY"}"#, "login_refused"),
        (r#"{"token":"AAAAA-CANARY"}"#, "login_refused"),
        (r#"{"code":"AAAAA-CANARY","token":"AAAAA-CANARY"}"#, "invalid"),
        (r#"{"code":""}"#, "invalid"),
        (r#"{"code":1}"#, "invalid"),
        (r#"{"pin":"AAAAA-CANARY"}"#, "invalid"),
        ("{}", "invalid"),
        ("[]", "malformed"),
    ] {
        let answer = shop.tcp.post("/v1/login", body);
        assert_eq!(answer.code(), code, "{body}");
        assert!(!answer.body.contains("CANARY"), "{}", answer.body);
    }
}

#[test]
fn a_cookie_opens_nothing() {
    let shop = Shop::open(&["1"]);
    let session = sign_in(&shop);
    for name in ["session", "shroff_session", "Authorization"] {
        let cookie = format!("{name}={session}");
        assert_eq!(shop.tcp.ask("GET", "/v1/lanes", &[("Cookie", &cookie)], "").status, 401);
    }
}

#[test]
fn the_page_is_its_own_files_behind_a_strict_policy() {
    let shop = Shop::open(&["1"]);
    let page = shop.tcp.get("/cashier/1");
    assert_eq!(page.status, 200);
    let policy = page.head.lines().find(|line| line.starts_with("content-security-policy: ")).expect("a policy");
    for wanted in
        ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"]
    {
        assert!(policy.contains(wanted), "{policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
    assert!(page.head.contains("x-frame-options: deny") && page.head.contains("referrer-policy: no-referrer"));
    assert!(!page.body.contains("Dining Hall") && page.body.contains("data-lane=\"1\""));
    let script = shop.tcp.get("/assets/app.js");
    assert!(script.head.contains("content-type: text/javascript") && script.head.contains("nosniff"));
    for language in ["en", "zh-CN", "zh-HK"] {
        let texts = shop.tcp.get(&format!("/assets/texts.{language}.json")).json();
        assert!(texts["cashier"]["declined.NOTENOUGH"].is_string() && texts["page"]["charge"].is_string());
    }
    for path in ["/cashier/2", "/cashier/%2e%2e", "/assets/page.html", "/assets/..%2fapi.rs", "/assets/texts.de.json"] {
        assert_eq!(shop.tcp.get(path).status, 404, "{path}");
    }
}

#[test]
fn a_page_learns_what_it_must_know_before_it_asks() {
    let shop = Shop::open(&["1"]);
    let (name, value) = bearer(&sign_in(&shop));
    let get = |path: &str| shop.tcp.ask("GET", path, &[(name, &value)], "").json();
    let terminal = get("/v1/terminal");
    assert_eq!((&terminal["currency"], &terminal["amount_max"]), (&"HKD".into(), &5_000_000.into()));
    assert_eq!(terminal["currencies"][1], serde_json::json!({ "currency": "CNY", "decimals": 2 }));
    assert_eq!((&terminal["refund_operator_max"], &terminal["day"]), (&5_000.into(), &"2026-11-21".into()));
    let before = get("/v1/lanes");
    shop.sell("R-1", 100);
    let after = get("/v1/lanes");
    assert!(after["seq"].as_u64() > before["seq"].as_u64(), "{after}");
    assert!(after["now"].as_str().is_some_and(|now| now.starts_with("2026-11-21T03:")), "{after}");
}

#[test]
fn a_payment_has_its_journal_and_its_refunds_beside_it() {
    let shop = Shop::open(&["1"]);
    let body = r#"{"client_ref":"R-1","amount":8800,"operator":"Mei","attach":"table 4"}"#;
    let sold = shop.unix.post("/v1/payments", body).json();
    let payment = sold["ref"].as_str().expect("a ref");
    pay(&shop, payment);
    let body = r#"{"refund_ref":"R-1/1","amount":1200,"reason":"wrong dish"}"#;
    assert_eq!(shop.unix.post(&format!("/v1/payments/{payment}/refunds"), body).status, 201);
    let refunds = shop.unix.get(&format!("/v1/payments/{payment}/refunds")).json();
    assert_eq!(
        (&refunds["refunds"][0]["refund_ref"], &refunds["refunds"][0]["advice_key"]),
        (&"R-1/1".into(), &"requested".into())
    );
    let journal = shop.unix.get(&format!("/v1/payments/{payment}/journal"));
    let facts = journal.json();
    assert_eq!([&facts["operator"], &facts["attach"], &facts["description"]], ["Mei", "table 4", "Dining Hall"]);
    let lines = facts["journal"].as_array().expect("lines").clone();
    assert_eq!(lines[0]["state"], "armed");
    assert!(lines.iter().any(|line| line["state"] == "paid" && line["money"] == "taken"), "{}", journal.body);
    assert!(lines.windows(2).all(|two| two[0]["seq"].as_u64() < two[1]["seq"].as_u64()));
    assert!(lines.iter().all(|line| line["details"].as_object().is_some_and(|it| !it.contains_key("p"))), "no digests");
    assert!(!journal.body.contains(CODE));
    for path in ["/v1/payments/T01-NONE/journal", "/v1/payments/T01-NONE/refunds"] {
        assert_eq!(shop.unix.get(path).code(), "not_found");
    }
}

#[test]
fn a_search_finds_any_piece_of_a_name_or_number_and_amounts_as_people_write_them() {
    let shop = Shop::open(&["1"]);
    let body = r#"{"client_ref":"Kitchen-7","amount":123450,"operator":"Mei"}"#;
    let sold = shop.unix.post("/v1/payments", body).json();
    pay(&shop, sold["ref"].as_str().expect("a ref"));
    shop.sell("R-2", 8800);
    let found = |q: &str| {
        let page = shop.unix.get(&format!("/v1/payments?q={q}")).json();
        let names = page["payments"].as_array().expect("payments").iter();
        names.map(|it| it["client_ref"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    for q in ["kitchen", "KITCHEN-7", "mei", "1,234.50", "1234.5", "0000000001", "4200001234", "1395", "%20mei%20"] {
        assert_eq!(found(q), ["Kitchen-7"], "{q}");
    }
    assert_eq!(found("88"), ["R-2"]);
    assert_eq!(found("dining"), ["R-2", "Kitchen-7"]);
    for q in ["nothing", "%25", "_", "'%20OR%201=1%20--", "139"] {
        assert_eq!(found(q), [""; 0], "{q}");
    }
    assert_eq!(shop.unix.get("/v1/payments?q=mei&day=2026-11-20").json()["payments"], serde_json::json!([]));
    let code = shop.unix.get(&format!("/v1/payments?q={CODE}"));
    assert!(code.status == 422 && !code.body.contains(CODE));
}

#[test]
fn a_days_close_says_what_moved() {
    let shop = Shop::open(&["1"]);
    let payment = shop.sell("R-1", 8800);
    pay(&shop, &payment);
    let close = shop.unix.get("/v1/close").json();
    assert_eq!(
        (&close["day"], &close["running"], &close["closed"]),
        (&"2026-11-21".into(), &true.into(), &false.into())
    );
    assert_eq!(close["currencies"][0]["taken"], serde_json::json!({ "count": 1, "sum": 8800 }), "{close}");
    assert_eq!((&close["by_lane"][0]["name"], &close["currencies"][0]["net"]), (&"1".into(), &8800.into()));
    assert_eq!(shop.unix.get("/v1/close?day=2026-11-20").json()["closed"], true);
    for query in ["day=2026-11-22", "day=today", "date=2026-11-21"] {
        assert_eq!(shop.unix.get(&format!("/v1/close?{query}")).code(), "invalid", "{query}");
    }
}
