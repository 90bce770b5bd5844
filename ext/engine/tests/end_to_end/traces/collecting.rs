//! Collectors that are slow, ill or gone. No request waits for them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use proxy_engine::config::TracingConfig;

use super::{all_spans, collector, spans_of, to, traced};
use crate::support::{eventually, nobody, Origin, Proxy, Reply, PATIENCE};

/// Sends so many requests, each of which has two spans.
fn ask(proxy: &Proxy, times: usize) {
    let mut client = proxy.client();
    for _ in 0..times {
        assert_eq!(client.get("/").status(), 200);
    }
}

#[test]
fn a_full_batch_goes_at_once_and_is_bounded() {
    let (origin, collector) = (Origin::named("x"), collector());
    let proxy = traced(&collector, &[&origin.address()], |_| ());
    ask(&proxy, 300);
    eventually("a batch", || !collector.requests().is_empty());
    assert_eq!(all_spans(&proxy, &collector).len(), 600);
    for batch in collector.requests() {
        let count = spans_of(&batch).len();
        assert!((1..=512).contains(&count), "{count}");
    }
    assert_eq!(collector.connections(), 1, "one request at a time");
    let stats = proxy.server.stats().spans;
    assert_eq!((stats.sent, stats.lost, stats.waiting), (600, 0, 0));
}

#[test]
fn a_batch_is_sent_again_when_the_collector_asks_for_that() {
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = tries.clone();
    let collector = Origin::answering(move |_| match counted.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::of("503 Busy", "").with("Retry-After: 0"),
        1 => Reply::of("429 Slower", "").with("Retry-After: 0"),
        _ => Reply::ok("{}"),
    });
    let origin = Origin::named("x");
    let proxy = traced(&collector, &[&origin.address()], |_| ());
    ask(&proxy, 256);
    eventually("three tries", || tries.load(Ordering::SeqCst) >= 3);
    eventually("spans are counted", || proxy.server.stats().spans.sent == 512);
    let batches = collector.requests();
    assert!(batches.iter().all(|batch| batch.body == batches[0].body), "it is the same batch");
    assert_eq!(proxy.server.stats().spans.lost, 0);
}

#[test]
fn a_batch_that_the_collector_does_not_want_is_not_sent_again() {
    for status in ["400 Bad", "404 Nowhere", "500 Ill"] {
        let (origin, collector) = (Origin::named("x"), Origin::answering(move |_| Reply::of(status, "")));
        let proxy = traced(&collector, &[&origin.address()], |_| ());
        ask(&proxy, 3);
        assert_eq!(all_spans(&proxy, &collector).len(), 6);
        assert_eq!((collector.requests().len(), proxy.server.stats().spans.lost), (1, 6), "{status}");
    }
}

#[test]
fn spans_that_the_collector_rejects_count_as_lost() {
    let answer = r#"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}}"#;
    let (origin, collector) = (Origin::named("x"), Origin::answering(move |_| Reply::ok(answer)));
    let proxy = traced(&collector, &[&origin.address()], |_| ());
    ask(&proxy, 3);
    all_spans(&proxy, &collector);
    let stats = proxy.server.stats().spans;
    assert_eq!((stats.sent, stats.lost), (4, 2));
}

#[test]
fn a_collector_that_is_not_there_holds_up_neither_requests_nor_the_stop() {
    let (origin, gone) = (Origin::named("x"), nobody());
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        settings.server.tracing = Some(TracingConfig { to: format!("http://{gone}/v1/traces"), ..Default::default() });
    });
    ask(&proxy, 5);
    let begun = Instant::now();
    proxy.server.begin_stop(Some(Duration::from_secs(5)));
    assert!(proxy.server.wait(Some(PATIENCE)));
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert_eq!(proxy.server.stats().spans.lost, 10);
}

#[test]
fn a_collector_that_never_answers_costs_a_bounded_number_of_spans_and_a_bounded_stop() {
    let (origin, collector) = (Origin::named("x"), Origin::silent());
    let proxy = traced(&collector, &[&origin.address()], |_| ());
    // A batch is under way, one more chunk beside it, and 2 048 wait.
    ask(&proxy, 1_600);
    eventually("spans are lost", || proxy.server.stats().spans.lost > 0);
    let stats = proxy.server.stats().spans;
    assert!(stats.waiting <= 2_048 && stats.sent == 0, "{stats:?}");
    ask(&proxy, 1);
    let begun = Instant::now();
    proxy.server.begin_stop(Some(Duration::from_secs(5)));
    assert!(proxy.server.wait(Some(PATIENCE)));
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    let stats = proxy.server.stats().spans;
    assert_eq!((stats.sent, stats.lost, stats.waiting), (0, 3_202, 0), "each is counted in the end");
}

#[test]
fn a_reload_to_another_collector_loses_nothing() {
    let (origin, old, new) = (Origin::named("x"), collector(), collector());
    let proxy = traced(&old, &[&origin.address()], |_| ());
    ask(&proxy, 2);
    proxy.reload(&[&origin.address()], |settings| settings.server.tracing = Some(to(&new)));
    eventually("the old one has its spans", || old.requests().iter().flat_map(spans_of).count() == 4);
    ask(&proxy, 3);
    assert_eq!(all_spans(&proxy, &new).len(), 6);
    assert_eq!(old.requests().len(), 1);
    assert_eq!(proxy.server.stats().spans.sent, 10, "figures go on");
}

#[test]
fn a_reload_with_the_same_collector_goes_on_with_the_batch() {
    let (origin, collector) = (Origin::named("x"), collector());
    let proxy = traced(&collector, &[&origin.address()], |_| ());
    ask(&proxy, 1);
    proxy.reload(&[&origin.address()], |settings| {
        settings.server.tracing = Some(TracingConfig { trust: "trusted_proxies".into(), ..to(&collector) });
    });
    ask(&proxy, 1);
    assert_eq!(all_spans(&proxy, &collector).len(), 4);
    assert_eq!(collector.requests().len(), 1, "both requests are in one batch");
}

#[test]
fn a_reload_without_tracing_sends_the_rest() {
    let (origin, collector) = (Origin::named("x"), collector());
    let proxy = traced(&collector, &[&origin.address()], |_| ());
    ask(&proxy, 2);
    proxy.reload(&[&origin.address()], |_| ());
    eventually("the spans come", || collector.requests().iter().flat_map(spans_of).count() == 4);
    ask(&proxy, 2);
    assert_eq!(all_spans(&proxy, &collector).len(), 4);
}

#[test]
fn a_collector_that_comes_late_gets_what_waits() {
    let (origin, address) = (Origin::named("x"), nobody());
    let late;
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        settings.server.tracing =
            Some(TracingConfig { to: format!("http://{address}/v1/traces"), ..Default::default() });
    });
    ask(&proxy, 256);
    eventually("a batch is under way", || proxy.server.stats().spans.waiting < 512);
    late = Origin::at(&address, |_, peer| {
        while peer.try_request().is_some() {
            peer.send(Reply::ok("{}"));
        }
    });
    eventually("all is sent", || proxy.server.stats().spans.sent == 512);
    drop(proxy);
    drop(late);
}
