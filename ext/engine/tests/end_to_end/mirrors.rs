//! Mirrors: another upstream gets copies of requests.

use std::time::Duration;

use proxy_engine::config::{BackendConfig, PoolConfig, UpstreamConfig};
use proxy_engine::configuration::{Config, Directive, FilterConfig, MirrorConfig};
use proxy_engine::Server;

use crate::support::{eventually, http2, nobody, request, Gate, Http2Origin, Message, Origin, Peer, Proxy, Reply};

fn config(app: &str, shadow: &str, mirror: MirrorConfig) -> Config {
    Proxy::config(&[app], |settings| {
        let pool = PoolConfig { backends: Some(vec![BackendConfig::at(shadow)]), ..PoolConfig::default() };
        settings.server.upstreams.push(UpstreamConfig { name: "shadow".into(), pool, ..UpstreamConfig::default() });
        settings.server.routes.push(Directive::Filter(FilterConfig::Mirror(mirror)));
    })
}

fn start(app: &str, shadow: &str, mirror: MirrorConfig) -> Proxy {
    Proxy::start(config(app, shadow, MirrorConfig { upstream: Some("shadow".into()), ..mirror }))
}

fn answered(client: &mut Peer, head: &str, body: &str) -> Message {
    client.send(format!("{head}\r\n\r\n{body}"));
    client.response()
}

fn await_copies(shadow: &Origin, count: usize) -> Vec<Message> {
    eventually("the copies come", || shadow.requests().len() >= count);
    shadow.requests()
}

#[test]
fn a_copy_has_the_head_and_the_body_that_the_backend_got() {
    let (app, shadow) = (Origin::echoing_targets(), Origin::answering(|_| Reply::of("500 No", "an error")));
    let proxy = start(&app.address(), &shadow.address(), MirrorConfig::default());
    let mut client = proxy.client();
    let head = "PUT /a?b=c HTTP/1.1\r\nHost: site.example\r\nCookie: session=1\r\nContent-Length: 8\r\nX-Own: 1";
    assert_eq!(answered(&mut client, head, "the body").text(), "/a?b=c");
    let copy = await_copies(&shadow, 1).remove(0);
    let original = app.requests().remove(0);
    assert_eq!((copy.start.as_str(), copy.text()), ("PUT /a?b=c HTTP/1.1", "the body".into()));
    assert_eq!((original.has("X-Mirrored"), copy.get("X-Mirrored")), (false, Some("1")));
    for name in ["Cookie", "X-Own", "X-Forwarded-For", "X-Forwarded-Host", "Via", "X-Request-Id"] {
        assert!(copy.has(name) && copy.get(name) == original.get(name), "{name}: {copy:?} {original:?}");
    }
    assert_eq!(copy.get("Host"), Some(&*shadow.address()), "as the proxied request has the name of its backend");

    // In chunks, and over the same connection to the shadow.
    let head = "PUT /chunks HTTP/1.1\r\nHost: site.example\r\nTransfer-Encoding: chunked";
    assert_eq!(answered(&mut client, head, "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").text(), "/chunks");
    let copy = await_copies(&shadow, 2).remove(1);
    assert_eq!(
        (copy.text(), copy.get("Content-Length"), copy.has("Transfer-Encoding")),
        ("abcde".into(), Some("5"), false)
    );
    assert_eq!(shadow.connections(), 1);
}

#[test]
fn the_client_does_not_wait_for_it_and_a_stop_does_not_either() {
    let app = Origin::echoing_targets();
    let shadow = Origin::silent();
    let proxy = start(&app.address(), &shadow.address(), MirrorConfig::default());
    let mut client = proxy.client();
    for number in 0..20 {
        assert_eq!(
            answered(&mut client, &format!("GET /{number} HTTP/1.1\r\nHost: a"), "").text(),
            format!("/{number}")
        );
    }
    eventually("the shadow has them", || shadow.connections() == 20);
    proxy.server.begin_stop(Some(Duration::from_secs(600)));
    assert!(proxy.server.wait(Some(Duration::from_secs(20))), "nothing holds the stop");
    assert!(proxy.server.is_drained());
}

#[test]
fn it_comes_after_the_head_of_the_answer() {
    let (key, gate) = Gate::new();
    let app = Origin::answering(move |_| {
        gate.wait_until("the test looked");
        Reply::ok("app")
    });
    let shadow = Origin::named("shadow");
    let proxy = start(&app.address(), &shadow.address(), MirrorConfig::default());
    let mut client = proxy.client();
    client.send_get("/");
    eventually("the backend has it", || proxy.server.stats().backends.iter().any(|backend| backend.in_flight == 1));
    assert_eq!(shadow.connections(), 0);
    key.open();
    assert_eq!(client.response().text(), "app");
    await_copies(&shadow, 1);
}

#[test]
fn what_may_not_be_copied_is_not() {
    let (app, shadow) = (Origin::echoing_targets(), Origin::named("shadow"));
    let mirror = MirrorConfig { max_body: 4, ..MirrorConfig::default() };
    let proxy = start(&app.address(), &shadow.address(), mirror);
    let mut client = proxy.client();
    for (head, body) in [
        ("POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 1", "x"),
        ("PUT /long HTTP/1.1\r\nHost: a\r\nContent-Length: 5", "12345"),
        ("PUT /chunks HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked", "5\r\n12345\r\n0\r\n\r\n"),
        ("GET /again HTTP/1.1\r\nHost: a\r\nX-Mirrored: 1", ""),
        ("GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket", ""),
    ] {
        assert_eq!(answered(&mut client, head, body).status(), 200, "{head}");
    }
    http2(&proxy, |client| async move {
        let call = request("POST", "/a.B/c").header("content-type", "application/grpc").header("te", "trailers");
        client.send(call.body(()).expect("a request"), Some(b"\0\0\0\0\0")).await.expect("an answer");
        assert_eq!(client.get("/over-http2").await.text(), "/over-http2");
    });
    assert_eq!(await_copies(&shadow, 1)[0].target(), "/over-http2");
    assert_eq!(shadow.targets(), ["/over-http2"]);
}

#[test]
fn methods_and_percentages_choose() {
    let (app, shadow) = (Origin::echoing_targets(), Origin::named("shadow"));
    let mirror = MirrorConfig { methods: Some(vec!["POST".into()]), ..MirrorConfig::default() };
    let proxy = start(&app.address(), &shadow.address(), mirror);
    let mut client = proxy.client();
    answered(&mut client, "GET /get HTTP/1.1\r\nHost: a", "");
    answered(&mut client, "POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 1", "x");
    assert_eq!(await_copies(&shadow, 1)[0].target(), "/post");
    assert_eq!(shadow.targets(), ["/post"]);

    let some = Origin::named("shadow");
    let mirror = MirrorConfig { percent: 20.0, max_in_flight: 1000, ..MirrorConfig::default() };
    let proxy = start(&app.address(), &some.address(), mirror);
    let mut client = proxy.client();
    for _ in 0..500 {
        answered(&mut client, "GET / HTTP/1.1\r\nHost: a", "");
    }
    answered(&mut client, "GET /last HTTP/1.1\r\nHost: a", "");
    eventually("they come", || some.requests().len() > 50);
    assert!(some.requests().len() < 160, "{}", some.requests().len());
}

#[test]
fn a_dead_shadow_costs_nothing_and_no_more_than_its_limit_are_in_flight() {
    let app = Origin::echoing_targets();
    let proxy = start(&app.address(), &nobody(), MirrorConfig::default());
    let mut client = proxy.client();
    for _ in 0..10 {
        assert_eq!(answered(&mut client, "GET / HTTP/1.1\r\nHost: a", "").text(), "/");
    }
    let silent = Origin::silent();
    let mirror = MirrorConfig { max_in_flight: 2, ..MirrorConfig::default() };
    let proxy = start(&app.address(), &silent.address(), mirror);
    let mut client = proxy.client();
    for _ in 0..10 {
        assert_eq!(answered(&mut client, "GET / HTTP/1.1\r\nHost: a", "").text(), "/");
    }
    eventually("two are there", || silent.connections() == 2);
    let shadow = proxy.server.stats().backends.into_iter().find(|backend| backend.upstream == "shadow");
    assert_eq!(shadow.map(|shadow| (shadow.in_flight, shadow.requests)), Some((2, 2)));
    drop(proxy);
}

#[test]
fn requests_that_wait_for_their_answer_take_no_place_of_a_copy() {
    let ((go, gate), (came, arrival)) = (Gate::new(), Gate::new());
    let app = Origin::start(move |_, peer| {
        while let Some(request) = peer.try_request() {
            if request.target() == "/slow" {
                came.open();
                gate.wait_until("the others have their copies");
            }
            peer.send(Reply::ok("ok"));
        }
    });
    let shadow = Origin::named("shadow");
    let mirror = MirrorConfig { max_in_flight: 1, ..MirrorConfig::default() };
    let proxy = start(&app.address(), &shadow.address(), mirror);
    let mut slow = proxy.client();
    slow.send_get("/slow");
    arrival.wait_until("the backend has it");
    let mut client = proxy.client();
    answered(&mut client, "GET /quick HTTP/1.1\r\nHost: a", "");
    assert_eq!(await_copies(&shadow, 1)[0].target(), "/quick");
    go.open();
    assert_eq!(slow.response().text(), "ok");
}

#[test]
fn a_shadow_of_http2_gets_copies_too() {
    let (sender, copies) = std::sync::mpsc::channel();
    let shadow = Http2Origin::start(
        |_| (),
        move |exchange| {
            let sender = sender.clone();
            async move {
                let fields = exchange.request.headers();
                let mirrored = fields.get("x-mirrored").map(|value| value.as_bytes().to_vec());
                let _ = sender.send((exchange.request.uri().path().to_owned(), mirrored));
                exchange.answer(200, b"shadow");
            }
        },
    );
    let app = Origin::echoing_targets();
    let proxy = start(&app.address(), &shadow.address(), MirrorConfig::default());
    let mut client = proxy.client();
    let head = "PUT /copied HTTP/1.1\r\nHost: a\r\nContent-Length: 3";
    assert_eq!(answered(&mut client, head, "abc").text(), "/copied");
    let copy = copies.recv_timeout(crate::support::PATIENCE).expect("a copy");
    assert_eq!(copy, ("/copied".to_owned(), Some(b"1".to_vec())));
    drop(proxy);
}

#[test]
fn mistakes_are_told_with_what_to_write() {
    let check = |mirror: MirrorConfig| Server::check(&config(&nobody(), &nobody(), mirror));
    let shadow = || Some("shadow".to_owned());
    for (mirror, told) in [
        (MirrorConfig::default(), "the value is missing: write the name of an upstream"),
        (
            MirrorConfig { upstream: Some("shado".into()), ..Default::default() },
            "\"shado\" is no upstream (did you mean",
        ),
        (MirrorConfig { upstream: shadow(), percent: 101.0, ..Default::default() }, "percent: 101 is out of range"),
        (MirrorConfig { upstream: shadow(), methods: Some(vec![]), ..Default::default() }, "methods: it is empty"),
        (
            MirrorConfig { upstream: shadow(), methods: Some(vec!["post".into()]), ..Default::default() },
            "methods: \"post\" is not a valid method",
        ),
    ] {
        let problems = check(mirror);
        assert!(problems.iter().any(|problem| problem.message.contains(told)), "{told}: {problems:?}");
    }
}
