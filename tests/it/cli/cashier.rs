//! `cashier`: a link into the cashier page.

use super::counter::Counter;
use crate::support::Client;

#[test]
fn without_a_door_for_browsers_it_says_which_keys_open_one() {
    let mut counter = Counter::new();
    counter.shroff(&["cashier"]).exits(69).tells("shroff serve");
    counter.open();
    counter.shroff(&["cashier"]).exits(78).tells("api.listen").tells("api.token_file");
}

#[test]
fn the_link_signs_in_once_and_a_session_outlives_a_killed_daemon() {
    let mut counter = Counter::new();
    counter.configure("listen = \"127.0.0.1:0\"\ntoken_file = \"token\"\n");
    counter.write("token", "0123456789abcdef0123456789abcdef");
    counter.open();
    let ended = counter.shroff(&["cashier"]).exits(0).tells("within 5 minutes");
    let link = ended.out.trim();
    let (page, code) = link.split_once("#login=").expect("a link");
    assert_eq!(ended.out.lines().count(), 1, "the link alone, for a script");
    let address = page.strip_prefix("http://").and_then(|rest| rest.strip_suffix("/cashier/1")).expect("the page");
    let tcp = Client::Tcp(address.parse().expect("an address"));
    assert_eq!(tcp.get("/cashier/1").status, 200);
    let session = tcp.post("/v1/login", &format!(r#"{{"code":"{code}"}}"#)).json();
    let token = format!("Bearer {}", session["session"].as_str().expect("a session"));

    let lane = counter.shroff(&["cashier", "--lane", "9"]).exits(65);
    lane.tells("no such lane");
    let document = counter.json(&["cashier", "--json"]);
    assert!(document["code"].as_str().is_some_and(|code| code.len() == 11), "{document}");

    counter.kill_daemon();
    counter.open();
    let again = counter.json(&["cashier", "--json"]);
    let address = again["page"].as_str().and_then(|page| page.strip_prefix("http://")).expect("a page");
    let tcp = Client::Tcp(address.trim_end_matches("/cashier/1").parse().expect("an address"));
    assert_eq!(tcp.ask("GET", "/v1/lanes", &[("Authorization", &token)], "").status, 200);
    let unused = tcp.post("/v1/login", &format!(r#"{{"code":{}}}"#, document["code"]));
    assert_eq!(unused.code(), "login_refused", "a code does not outlive its process");
}
