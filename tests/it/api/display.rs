//! The customer's page and the scenes it shows.

use super::CODE;
use crate::support::Shop;

#[test]
fn the_page_may_run_itself_and_nothing_else() {
    let shop = Shop::open(&["1"]);
    let page = shop.tcp.get("/display/1");
    assert_eq!(page.status, 200);
    assert!(page.head.contains("content-type: text/html; charset=utf-8"));
    assert!(page.head.contains("default-src 'none'; style-src 'sha256-"), "{}", page.head);
    assert!(!page.head.contains("unsafe"));
    assert!(page.body.contains("data-lane=\"1\""));
    for path in ["/display/2", "/display/2/events", "/display/a%20b", "/display/%ff"] {
        let answer = shop.tcp.get(path);
        assert_eq!((answer.status, answer.code().as_str()), (404, "no_such_route"), "{path}");
    }
}

#[test]
fn a_customer_sees_every_step_and_no_name_of_it() {
    let shop = Shop::open(&["1"]);
    let mut stream = shop.tcp.stream("/display/1/events", &[]);
    let mut scene = |wanted: &str| {
        let (_, kind, scene) = stream.event();
        assert_eq!((kind.as_str(), scene["state"].as_str()), ("scene", Some(wanted)), "{scene}");
        assert!(scene["expires_in_ms"].as_u64().is_some_and(|ms| ms <= 20_000));
        let languages: Vec<&str> = scene["lines"]
            .as_array()
            .expect("lines")
            .iter()
            .map(|line| line["lang"].as_str().expect("a tag"))
            .collect();
        assert_eq!(languages, ["zh-HK", "en"]);
        let text = scene.to_string();
        for name in ["R-1", "T01-", "K7Q2M9XB", "4200001234", "1395", CODE] {
            assert!(!text.contains(name), "{name} in {text}");
        }
        scene
    };
    assert!(scene("idle").get("amount").is_none());
    shop.sell("R-1", 123_456);
    let armed = scene("armed");
    assert_eq!((&armed["amount"]["currency"], &armed["amount"]["digits"]), (&"HKD".into(), &"1,234.56".into()));
    let call = shop.scan(CODE);
    scene("submitting");
    shop.pay(&call);
    assert_eq!(scene("paid")["look"], "paid");
}

#[test]
fn a_till_that_is_gone_is_no_paid_for_ever() {
    let mut shop = Shop::open(&["1"]);
    shop.sell("R-1", 100);
    shop.kill_till();
    let mut stream = shop.tcp.stream("/display/1/events", &[]);
    assert_eq!(stream.event().2["state"], "out_of_order");
}

#[test]
fn the_pos_shows_a_basket_until_a_payment_takes_its_place() {
    let shop = Shop::open(&["1"]);
    let mut stream = shop.tcp.stream("/display/1/events", &[]);
    assert_eq!(stream.event().2["state"], "idle");
    let basket = r#"{"lines":[{"text":"Milk tea","amount":1850},{"text":"Coupon","amount":-500}],"total":1350}"#;
    let put = |body: &str| shop.unix.post("/v1/lanes/1/display", body);
    assert_eq!(put(basket).status, 204);
    let (_, _, shown) = stream.event();
    assert_eq!((&shown["state"], &shown["amount"]["digits"]), (&"basket".into(), &"13.50".into()));
    assert_eq!(shown["basket"][1], serde_json::json!({"text": "Coupon", "digits": "\u{2212}5.00"}));
    assert_eq!(put(r#"{"lines":[]}"#).status, 204);
    assert_eq!(stream.event().2["state"], "idle");

    assert_eq!(put(basket).status, 204);
    assert_eq!(stream.event().2["state"], "basket");
    let reference = shop.sell("R-1", 1350);
    assert_eq!(stream.event().2["state"], "armed");
    let busy = put(basket);
    assert_eq!((busy.status, busy.code().as_str()), (409, "lane_busy"));
    assert_eq!(shop.unix.post(&format!("/v1/payments/{reference}/cancel"), "").status, 200);
    assert_eq!(stream.event().2["state"], "idle", "the articles of a sale do not come back after it");
    assert_eq!(put(basket).status, 204);
    assert_eq!(stream.event().2["state"], "basket");
}

#[test]
fn a_basket_that_cannot_be_shown_is_refused_by_name() {
    let shop = Shop::open(&["1"]);
    let answer = shop.unix.post("/v1/lanes/1/display", r#"{"lines":[{"text":"a\nb"}],"total":1.5}"#);
    assert_eq!(answer.status, 422);
    let json = answer.json();
    let fields: Vec<&str> =
        json["errors"].as_array().expect("errors").iter().filter_map(|it| it["field"].as_str()).collect();
    assert_eq!(fields, ["lines[0].text", "total"]);
    assert_eq!(shop.unix.post("/v1/lanes/2/display", r#"{"lines":[]}"#).status, 404);
    assert_eq!(shop.tcp.get("/display/1/picture").status, 404, "a lane without a picture");
}
