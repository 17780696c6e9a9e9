//! Who is let in, and what is said to everybody.

use std::collections::BTreeSet;

use shroff::edge::api::ROUTES;
use shroff::edge::desk::{DeviceView, Role};

use crate::support::{Shop, TOKEN};

const JSON: (&str, &str) = ("Content-Type", "application/json");

#[test]
fn nothing_but_the_open_routes_is_answered_without_the_token() {
    let shop = Shop::open(&["1"]);
    assert!(ROUTES.len() >= 13);
    for route in ROUTES {
        let path = route.path.replace("{ref}", "x").replace("{lane}", "none");
        for headers in
            [&[JSON][..], &[JSON, ("Authorization", "Bearer wrong")], &[JSON, ("Authorization", "Basic 3f1c9a")]]
        {
            let answer = shop.tcp.ask(route.method, &path, headers, "");
            assert_eq!(answer.status == 401, !route.open, "{} {path}", route.method);
            if answer.status == 401 {
                assert_eq!(answer.code(), "unauthorized");
                assert!(answer.head.contains("www-authenticate: bearer"));
            }
        }
    }
    let token = format!("Bearer {TOKEN}");
    assert_eq!(shop.tcp.ask("GET", "/v1/lanes", &[("Authorization", &token)], "").status, 200);
    assert_eq!(shop.tcp.get("/nowhere").status, 401);
    assert_eq!(shop.tcp.ask("POST", "/healthz", &[], "").status, 401);
}

#[test]
fn a_web_page_of_somebody_else_gets_nothing() {
    let shop = Shop::open(&["1"]);
    let token = format!("Bearer {TOKEN}");
    let rebound = shop.tcp.ask("GET", "/healthz", &[("Host", "evil.example")], "");
    assert_eq!((rebound.status, rebound.code().as_str()), (421, "wrong_host"));
    let foreign =
        shop.tcp.ask("GET", "/v1/lanes", &[("Origin", "https://evil.example"), ("Authorization", &token)], "");
    assert_eq!((foreign.status, foreign.code().as_str()), (403, "wrong_origin"));
    assert!(!foreign.head.contains("access-control-allow-origin"));
    let ours = shop.tcp.ask("GET", "/v1/lanes", &[("Origin", "https://pos.example"), ("Authorization", &token)], "");
    assert_eq!(ours.status, 200);
    assert!(ours.head.contains("access-control-allow-origin: https://pos.example"), "{}", ours.head);
    let preflight = [
        ("Origin", "https://pos.example"),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "authorization,content-type"),
    ];
    let asked = shop.tcp.ask("OPTIONS", "/v1/payments", &preflight, "");
    assert_eq!(asked.status, 204);
    assert!(asked.head.contains("access-control-allow-headers: authorization, content-type"));
    let evil = [("Origin", "null"), ("Access-Control-Request-Method", "POST")];
    assert_eq!(shop.tcp.ask("OPTIONS", "/v1/payments", &evil, "").status, 403);
}

#[test]
fn health_names_the_lane_without_a_scanner_and_devices_what_to_do() {
    let mut shop = Shop::open(&["1", "2"]);
    assert_eq!(shop.tcp.get("/healthz").json()["status"], "ok");
    assert_eq!(shop.tcp.get("/readyz").json()["status"], "ready");
    shop.devices(vec![DeviceView {
        lane: "2".parse().expect("a lane"),
        role: Role::Scanner,
        kind: "serial",
        device: "/dev/ttyACM0".to_owned(),
        state: "gone",
        advice: "plug it in".to_owned(),
        scans: 7,
    }]);
    let ready = shop.tcp.get("/readyz");
    assert_eq!((ready.status, ready.json()["status"].clone()), (200, "degraded".into()));
    assert_eq!(ready.json()["problems"][0]["lane"], "2");
    assert!(!ready.body.contains("ttyACM0"));
    let devices = shop.unix.get("/v1/devices").json();
    assert_eq!((&devices["devices"][0]["state"], &devices["devices"][0]["scans"]), (&"gone".into(), &7.into()));

    shop.kill_till();
    let ready = shop.tcp.get("/readyz");
    assert_eq!((ready.status, ready.json()["status"].clone()), (503, "out_of_order".into()));
    let sale = shop.unix.post("/v1/payments", r#"{"client_ref":"R-1","amount":1,"lane":"1"}"#);
    assert_eq!((sale.status, sale.code().as_str()), (503, "out_of_order"));
    assert_eq!(sale.json()["retryable"], true);
}

#[test]
fn the_document_describes_every_route_and_no_other() {
    let shop = Shop::open(&["1"]);
    let document = shop.unix.get("/openapi.json").json();
    let mut described = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for method in methods.as_object().expect("methods").keys().filter(|key| ["get", "post"].contains(&key.as_str()))
        {
            described.insert((method.to_uppercase(), path.clone()));
        }
    }
    let routes: BTreeSet<(String, String)> =
        ROUTES.iter().map(|route| (route.method.to_owned(), route.path.to_owned())).collect();
    assert_eq!(described, routes);
    for name in ["PaymentView", "AttemptView", "Problem", "PaymentRequest"] {
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
    let payment = &document["components"]["schemas"]["PaymentView"]["properties"];
    for field in ["ref", "final", "cashier", "next", "seq", "last_decline"] {
        assert!(payment[field].is_object(), "{field}");
    }
}

#[test]
fn metrics_are_openmetrics_for_whoever_accepts_it_and_the_older_text_for_everybody_else() {
    let shop = Shop::open(&["1"]);
    shop.metrics.attempt();
    let accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
    let answer = shop.unix.ask("GET", "/metrics", &[("Accept", accept)], "");
    assert!(answer.head.contains("content-type: application/openmetrics-text"));
    assert!(answer.body.contains("shroff_attempts_total 1\n") && answer.body.ends_with("# EOF\n"));
    let answer = shop.unix.get("/metrics");
    assert!(answer.head.contains("content-type: text/plain; version=0.0.4"));
    assert!(answer.body.contains("# TYPE shroff_attempts_total counter\nshroff_attempts_total 1\n"), "{}", answer.body);
    assert!(answer.body.contains("shroff_ledger_disk_free_bytes ") && !answer.body.contains("# EOF"));
}

#[test]
fn a_crowd_of_streams_leaves_room_for_requests() {
    let shop = Shop::open(&["1"]);
    let streams: Vec<_> = (0..24).map(|_| shop.unix.stream("/v1/events", &[])).collect();
    let more = shop.unix.get("/v1/events");
    assert_eq!((more.status, more.code().as_str()), (503, "busy"));
    assert_eq!(shop.unix.get("/healthz").status, 200);
    let reference = shop.sell("R-1", 100);
    // No place to wait is left: it is answered at once.
    assert_eq!(shop.unix.get(&format!("/v1/payments/{reference}?wait=60&after=1")).status, 200);
    drop(streams);
}

#[test]
fn streams_end_when_the_terminal_stops() {
    let mut shop = Shop::open(&["1"]);
    let mut stream = shop.unix.stream("/v1/events", &[]);
    shop.stop();
    while !stream.line().is_empty() {}
}
