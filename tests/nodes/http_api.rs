//! The HTTP API: rooms, pages, idempotent posts, and refusals.

use serde_json::json;

use crate::common::{
    client::{heads, texts},
    http::request,
    node::{Cluster, Node},
    until_async,
};

const LOBBY: &str = "/api/rooms/lobby/messages";
const JSON: (&str, &str) = ("Content-Type", "application/json");

/// The `Authorization` header of a new guest.
async fn bearer(node: &Node) -> String {
    let session = node.post("/api/sessions", &[JSON], r#"{"name":"Ada"}"#).await;
    assert_eq!(session.status, 201, "{session:?}");
    assert_eq!(session.json()["user"]["name"], "Ada");
    format!("Bearer {}", session.json()["token"].as_str().unwrap())
}

#[tokio::test]
async fn a_post_over_http_is_shown_and_a_repeat_with_its_key_stores_nothing() {
    let cluster = Cluster::start(2).await;
    let [node, other] = &cluster.nodes[..] else { unreachable!() };
    let mut bob = other.in_lobby().await;
    let bearer = bearer(node).await;
    let headers = [JSON, ("Authorization", &*bearer), ("Idempotency-Key", "k1")];

    let first = node.post(LOBBY, &headers, r#"{"text":"hello"}"#).await;
    assert_eq!((first.status, &first.json()["seq"]), (201, &json!(1)), "{first:?}");
    let again = other.post(LOBBY, &headers, r#"{"text":"hello"}"#).await;
    assert_eq!((again.status, again.json()), (201, first.json()));
    let conflict = node.post(LOBBY, &headers, r#"{"text":"other"}"#).await;
    assert_eq!((conflict.status, conflict.code()), (409, "nonce_conflict".to_owned()));
    for seq in [2, 3] {
        let without_key = node.post(LOBBY, &headers[..2], r#"{"text":"twice"}"#).await;
        assert_eq!(without_key.json()["seq"], seq);
    }
    assert_eq!(texts(&bob.messages(3).await), ["hello", "twice", "twice"]);
}

#[tokio::test]
async fn pages_are_after_a_place_or_before_one_or_the_newest() {
    let cluster = Cluster::of(1).without_redis().start().await;
    let node = &cluster.nodes[0];
    let mut ada = node.native(json!({})).await;
    for n in 1..=12 {
        ada.say(&n.to_string()).await;
    }
    for (query, expected, more) in [
        ("", (1..=12).collect(), false),
        ("?limit=5", vec![8, 9, 10, 11, 12], true),
        ("?before=8&limit=5", vec![3, 4, 5, 6, 7], true),
        ("?before=3", vec![1, 2], false),
        ("?after=0&limit=3", vec![1, 2, 3], true),
        ("?after=10", vec![11, 12], false),
        ("?after=12", vec![], false),
        ("?after=18446744073709551615", vec![], false),
        ("?before=0", vec![], false),
        ("?limit=0", vec![12], true),
    ] {
        let page = node.get(&format!("{LOBBY}{query}")).await.json();
        let messages = page["messages"].as_array().unwrap();
        let seqs: Vec<u64> = messages.iter().map(|message| message["seq"].as_u64().unwrap()).collect();
        assert_eq!((seqs, &page["more"]), (expected, &json!(more)), "{query}");
        assert_eq!(page["epoch"], ada.session["epoch"]);
    }
    let rooms = node.get("/api/rooms").await.json();
    assert_eq!(
        (heads(&rooms), &rooms["rooms"][0]["last"]["text"]),
        (vec!["lobby 12".to_owned()], &json!("12"))
    );
}

#[tokio::test]
async fn bad_requests_are_refused_with_a_status_and_a_code() {
    let cluster = Cluster::of(1).without_redis().set("limits.max_message_bytes", 100).start().await;
    let node = &cluster.nodes[0];
    let bearer = bearer(node).await;
    let bearer = ("Authorization", &*bearer);
    let long_key = "k".repeat(129);
    let (long, huge) = (format!(r#"{{"text":"{}"}}"#, "x".repeat(101)), "x".repeat(50_000));
    let text = r#"{"text":"x"}"#;
    let room = |name: &str| format!("/api/rooms/{name}/messages");
    for (method, path, headers, body, status, code) in [
        ("POST", LOBBY, vec![JSON], text, 401, "bad_token"),
        ("POST", LOBBY, vec![JSON, ("Authorization", "Bearer junk")], text, 401, "bad_token"),
        ("POST", LOBBY, vec![JSON, ("Authorization", "Basic eDp5")], text, 401, "bad_token"),
        ("GET", LOBBY, vec![("Authorization", "Bearer junk")], "", 401, "bad_token"),
        ("POST", LOBBY, vec![bearer, JSON], &long, 400, "bad_text"),
        ("POST", LOBBY, vec![bearer, JSON], &huge, 413, "too_large"),
        ("POST", LOBBY, vec![bearer, JSON], r#"{"text":""}"#, 400, "bad_text"),
        ("POST", LOBBY, vec![bearer, JSON], r#"{"text":"\u0000"}"#, 400, "bad_text"),
        ("POST", LOBBY, vec![bearer, JSON], r#"{"text":7}"#, 400, "bad_request"),
        ("POST", LOBBY, vec![bearer, JSON], "{}", 400, "bad_request"),
        ("POST", LOBBY, vec![bearer, JSON], r#"{"text":"x","of":1}"#, 400, "bad_kind"),
        ("POST", LOBBY, vec![bearer, JSON], r#"{"kind":"delete"}"#, 400, "bad_kind"),
        ("POST", LOBBY, vec![bearer, JSON], r#"{"kind":"delete","of":1}"#, 404, "no_such_message"),
        ("POST", LOBBY, vec![bearer, JSON], "{", 400, "bad_request"),
        ("POST", LOBBY, vec![bearer, JSON], "", 400, "bad_request"),
        ("POST", LOBBY, vec![bearer], text, 400, "bad_request"),
        ("POST", LOBBY, vec![bearer, JSON, ("Idempotency-Key", &long_key)], text, 400, "bad_nonce"),
        ("POST", LOBBY, vec![bearer, JSON, ("Idempotency-Key", "")], text, 400, "bad_nonce"),
        ("POST", LOBBY, vec![bearer, JSON, ("Idempotency-Key", "é")], text, 400, "bad_request"),
        ("POST", &room("a%20b"), vec![bearer, JSON], text, 400, "bad_room"),
        ("POST", &room(&"r".repeat(65)), vec![bearer, JSON], text, 400, "bad_room"),
        ("GET", &room("%ff"), vec![], "", 400, "bad_request"),
        ("GET", &room("a%2Fb"), vec![], "", 400, "bad_room"),
        ("GET", "/api/rooms/lobby/messages?after=1&before=2", vec![], "", 400, "bad_request"),
        ("GET", "/api/rooms/lobby/messages?after=-1", vec![], "", 400, "bad_request"),
        ("GET", "/api/rooms/lobby/messages?limit=many", vec![], "", 400, "bad_request"),
        ("GET", "/api/rooms?after=a%20b", vec![], "", 400, "bad_room"),
        ("POST", "/api/sessions", vec![JSON], r#"{"name":"\u0007"}"#, 400, "bad_name"),
        ("POST", "/api/sessions", vec![JSON], r#"{"name":7}"#, 400, "bad_request"),
        ("POST", "/api/sessions", vec![JSON], r#"{"color":360}"#, 400, "bad_color"),
        ("GET", "/api/nothing", vec![], "", 404, "not_found"),
        ("GET", "/nothing.html", vec![], "", 404, "not_found"),
    ] {
        let what = format!("{method} {path} {headers:?} {:.80}", body);
        let response = request(node.addr(), method, path, &headers, body).await.expect("it is answered");
        assert_eq!(response.status, status, "{what}: {response:?}");
        assert_eq!(response.code(), code, "{what}");
    }
    for (method, path) in [("DELETE", LOBBY), ("POST", "/"), ("POST", "/healthz")] {
        let response = request(node.addr(), method, path, &[], "").await.expect("it is answered");
        assert_eq!(response.status, 405, "{method} {path}");
    }
    assert_eq!(node.get("/api/rooms").await.json()["rooms"], json!([]), "nothing was stored");
}

#[tokio::test]
async fn a_message_is_amended_over_http_by_its_author_and_reacted_to_by_all() {
    let cluster = Cluster::of(1).without_redis().start().await;
    let node = &cluster.nodes[0];
    let (ada, bob) = (bearer(node).await, bearer(node).await);
    let post = async |bearer: &str, body| {
        let response = node.post(LOBBY, &[JSON, ("Authorization", bearer)], body).await;
        (response.status, response.json()["seq"].as_u64())
    };
    assert_eq!(post(&ada, r#"{"text":"one"}"#).await, (201, Some(1)));
    assert_eq!(post(&bob, r#"{"kind":"edit","of":1,"text":"x"}"#).await, (403, None));
    assert_eq!(post(&ada, r#"{"kind":"edit","of":1,"text":"uno"}"#).await, (201, Some(2)));
    assert_eq!(post(&bob, r#"{"kind":"react","of":1,"text":"+1"}"#).await, (201, Some(3)));
    assert_eq!(post(&ada, r#"{"kind":"delete","of":1}"#).await, (201, Some(4)));
}

#[tokio::test]
async fn a_user_who_posts_too_fast_over_http_is_refused_with_a_time() {
    let cluster = Cluster::of(1).without_redis().set("limits.messages_per_second", 1).start().await;
    let node = &cluster.nodes[0];
    let (ada, bob) = (bearer(node).await, bearer(node).await);
    let post =
        async |bearer: &str| node.post(LOBBY, &[JSON, ("Authorization", bearer)], r#"{"text":"x"}"#).await;
    let responses = [post(&ada).await, post(&ada).await, post(&ada).await];
    let refused =
        responses.iter().find(|response| response.status == 429).expect("three in a second are too many");
    assert_eq!(refused.code(), "rate_limited");
    assert!(refused.json()["error"]["retryAfterMs"].as_u64().is_some_and(|ms| ms <= 1_000), "{refused:?}");
    assert!(refused.head.contains("retry-after: 1"), "{refused:?}");
    assert_eq!(post(&bob).await.status, 201, "each user has a limit of their own");
    until_async("it passes", async || post(&ada).await.status == 201).await;
}

#[tokio::test]
async fn who_goes_elsewhere_loses_the_balancers_cookie() {
    let cluster = Cluster::of(1).without_redis().set("server.sticky_cookie", "lb").start().await;
    let response = cluster.nodes[0].post("/api/elsewhere", &[], "").await;
    assert_eq!(response.status, 204);
    assert!(
        response.head.contains("set-cookie: lb=; path=/; max-age=0; httponly; samesite=lax"),
        "{response:?}"
    );
}

#[tokio::test]
async fn the_page_its_scripts_and_the_probes_are_served() {
    let cluster = Cluster::of(1).without_redis().start().await;
    let node = &cluster.nodes[0];
    for (path, kind) in [("/", "text/html"), ("/js/main.js", "text/javascript"), ("/healthz", "text/plain")] {
        let response = node.get(path).await;
        assert_eq!(response.status, 200, "{path}");
        assert!(response.head.contains(&format!("content-type: {kind}")), "{path}: {}", response.head);
    }
    assert!(node.get("/").await.head.contains("content-security-policy: default-src 'none'"));
    let metrics = node.get("/metrics").await.body;
    for name in ["chorus_build_info", "chorus_log_writable", "chorus_messages_accepted_total"] {
        assert!(metrics.contains(name), "{name}:\n{metrics}");
    }
    let ready = node.get("/readyz").await;
    assert_eq!((ready.status, ready.json()["status"].clone()), (200, json!("ready")));
}
