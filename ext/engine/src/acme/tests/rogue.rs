//! An authority that does not do what RFC 8555 says.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::Arc;

use serde_json::{json, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::peers::{Manners, TestAuthority};
use crate::acme::order::{FailureKind, OrderFailure};
use crate::certificates::record::PendingOrder;
use crate::config::AcmeConfig;

/// What it answers to a path, in JSON, or the usual. `Value::Null`: 500.
type Spoil = dyn Fn(&str, &str) -> Option<Value> + Send + Sync;

/// An authority that takes orders without a look at who sends them.
struct Rogue {
    base: String,
    requests: Arc<AtomicUsize>,
}

impl Rogue {
    /// `spoil` is given the path and the URL of the authority.
    async fn start(spoil: impl Fn(&str, &str) -> Option<Value> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let requests = Arc::<AtomicUsize>::default();
        let (own, counted) = (base.clone(), Arc::clone(&requests));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                    if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
                        break;
                    }
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                counted.fetch_add(1, Relaxed);
                let path = head.split(' ').nth(1).unwrap_or_default();
                let answer = answer(path, &own, &spoil);
                // The rest of the request is read, so that the answer is not lost with the connection.
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
                let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
            }
        });
        Self { base, requests }
    }

    fn config(&self) -> AcmeConfig {
        AcmeConfig {
            authority: vec![format!("{}/dir", self.base)],
            challenge: Some(vec!["http-01".into()]),
            ..AcmeConfig::default()
        }
    }

    /// What comes of an order for `app.test`.
    async fn asked(&self, peers: &TestAuthority) -> OrderFailure {
        let client = peers.client(&self.config());
        peers.order(&client, &["app.test"]).await.expect_err("no certificate")
    }
}

fn answer(path: &str, base: &str, spoil: &Spoil) -> String {
    let usual = || match path {
        "/dir" => json!({
            "newNonce": format!("{base}/nonce"),
            "newAccount": format!("{base}/account"),
            "newOrder": format!("{base}/order"),
        }),
        "/order" | "/order/1" => json!({
            "status": "pending",
            "identifiers": [{ "type": "dns", "value": "app.test" }],
            "authorizations": [format!("{base}/authorization")],
            "finalize": format!("{base}/finalize"),
        }),
        "/authorization" => authorization(base, "app.test", "token"),
        _ => json!({ "status": "valid" }),
    };
    let body = spoil(path, base).unwrap_or_else(usual);
    let status = match path {
        _ if body.is_null() => "500 Internal Server Error",
        "/account" | "/order" => "201 Created",
        _ => "200 OK",
    };
    format!(
        "HTTP/1.1 {status}\r\nreplay-nonce: AAAA\r\nlocation: {base}{path}/1\r\nconnection: close\r\n\r\n{}",
        if path == "/nonce" { String::new() } else { body.to_string() }
    )
}

fn authorization(base: &str, name: &str, token: &str) -> Value {
    let challenge =
        json!({ "type": "http-01", "url": format!("{base}/challenge"), "status": "pending", "token": token });
    json!({
        "status": "pending",
        "identifier": { "type": "dns", "value": name },
        "challenges": [challenge],
    })
}

#[tokio::test]
async fn a_directory_whose_urls_are_none_is_told() {
    let peers = TestAuthority::start(Manners::default()).await;
    for wrong in ["http://no url/", "/nonce", ""] {
        let rogue = Rogue::start(move |path, base| {
            let order = format!("{base}/order");
            (path == "/dir").then(|| json!({ "newNonce": wrong, "newAccount": order, "newOrder": order }))
        });
        let failure = rogue.await.asked(&peers).await;
        assert_eq!(failure.kind, FailureKind::Misconfigured, "{failure}");
        assert!(failure.message.contains(&format!("names {wrong:?} as its newNonce")), "{failure}");
    }
}

#[tokio::test]
async fn names_and_tokens_that_nobody_ordered_are_not_proved() {
    let peers = TestAuthority::start(Manners::default()).await;
    let long = "x".repeat(129);
    for (name, token, told) in [
        ("other.test", "token", "it wants a proof for \"other.test\", which was not ordered"),
        ("../../x", "token", "it wants a proof for \"../../x\", which was not ordered"),
        ("app.test", "../../x", "its token for app.test is not in base64url: \"../../x\""),
        ("app.test", "<script>", "its token for app.test is not in base64url"),
        ("app.test", "", "its token for app.test is not in base64url"),
        ("app.test", &long, "its token for app.test is not in base64url"),
    ] {
        let (name, token) = (name.to_owned(), token.to_owned());
        let rogue =
            Rogue::start(move |path, base| (path == "/authorization").then(|| authorization(base, &name, &token)));
        let failure = rogue.await.asked(&peers).await;
        assert_eq!(failure.kind, FailureKind::Unavailable, "{failure}");
        assert!(failure.message.contains(told), "{failure}");
        assert_eq!(peers.storage.list("challenges/").await.expect("a list"), Vec::<String>::new());
    }
}

#[tokio::test]
async fn an_order_with_endless_authorizations_is_not_followed() {
    let peers = TestAuthority::start(Manners::default()).await;
    let rogue = Rogue::start(|path, base| {
        let all: Vec<_> = (0..5_000).map(|number| format!("{base}/authorization/{number}")).collect();
        (path == "/order").then(|| {
            json!({
                "status": "pending", "identifiers": [], "authorizations": all, "finalize": format!("{base}/finalize"),
            })
        })
    })
    .await;
    let failure = rogue.asked(&peers).await;
    assert!(failure.message.contains("more authorizations than a certificate has names"), "{failure}");
    assert!(rogue.requests.load(Relaxed) < 10);
}

#[tokio::test]
async fn an_order_of_which_the_authority_never_says_anything_again_is_given_up() {
    let peers = TestAuthority::start(Manners::default()).await;
    let rogue = Rogue::start(|path, _| match path {
        "/order/1" => Some(Value::Null),
        "/authorization" => Some(json!("lost")),
        _ => None,
    })
    .await;
    let mut failures = Vec::new();
    for _ in 0..5 {
        failures.push(rogue.asked(&peers).await.message);
    }
    let steps: Vec<_> = failures.iter().map(|text| text.contains(": order: it has answered 500")).collect();
    // After three looks at the lost one comes another.
    assert_eq!(steps, [false, true, true, true, false], "{failures:?}");
    let pending = PendingOrder::load(&peers.storage, "app.test").await.expect("storage").expect("an order");
    assert_eq!(pending.misses, 0);
}

#[tokio::test]
async fn an_order_that_nobody_waits_for_leaves_no_answer_in_memory() {
    let peers = TestAuthority::start(Manners::default()).await;
    let rogue = Rogue::start(|_, _| None).await;
    let client = peers.client(&rogue.config());
    let shown = async {
        while peers.challenges.http(b"token").await.is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = peers.order(&client, &["app.test"]) => panic!("it never ends"),
        () = shown => {}
    }
    assert_eq!(peers.challenges.http(b"token").await, None);
}
