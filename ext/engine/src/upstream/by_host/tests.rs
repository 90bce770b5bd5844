use super::super::tests::dns_server::{DnsServer, Reply};
use super::super::tests::{log, until, within};
use super::super::{Affinity, Tried};
use super::*;

#[tokio::test]
async fn a_host_is_resolved_when_a_request_names_it_and_found_again_in_any_case() {
    let server = DnsServer::start(Reply::addresses(60, &["127.0.0.2"])).await;
    let by_host = ByHost::new(UpstreamSettings::of(BalancingPolicy::RoundRobin));
    by_host.start(&server.dns(), &Handle::current(), &log());
    let upstream = by_host.get(b"App.test:81", false).expect("an upstream");
    within(upstream.ready()).await;
    let endpoint = upstream.choose(&Affinity::None, &mut Tried::default()).backend().expect("an endpoint");
    assert_eq!((endpoint.label(), endpoint.authority()), ("127.0.0.2:81", "app.test:81"));
    assert!(Arc::ptr_eq(&upstream, &by_host.get(b"aPP.test:81", false).expect("the same")));
    assert!(!Arc::ptr_eq(&upstream, &by_host.get(b"app.test:82", false).expect("another")));
    assert_eq!(by_host.stats()[0].address, "127.0.0.2:81");
}

#[test]
fn what_is_no_host_and_what_would_be_something_else_is_refused() {
    let by_host = ByHost::new(UpstreamSettings::of(BalancingPolicy::RoundRobin));
    for authority in [&b"unix:/run/docker.sock"[..], b"user@host", b"", b"ho st", b"http://host", b"\xff", b"a/b"] {
        by_host.get(authority, false).expect_err("no host");
    }
    by_host.get(b"host", true).expect_err("TLS is not set up");
    assert!(by_host.stats().is_empty());
}

#[tokio::test]
async fn the_least_recently_used_host_makes_room() {
    let server = DnsServer::start(Reply::addresses(3600, &["127.0.0.2"])).await;
    let dns = server.dns();
    let by_host = ByHost::with_capacity(Fingerprint::default(), UpstreamSettings::of(BalancingPolicy::RoundRobin), 2);
    by_host.start(&dns, &Handle::current(), &log());
    let one = by_host.get(b"one.test", false).expect("an upstream");
    by_host.get(b"two.test", false).expect("an upstream");
    by_host.get(b"one.test", false).expect("an upstream");
    let three = by_host.get(b"three.test", false).expect("an upstream");
    within(three.ready()).await;
    assert!(Arc::ptr_eq(&one, &by_host.get(b"one.test", false).expect("still there")));
    assert_eq!(by_host.stats().len(), 2);
    // This test, the map, and the two upstreams that are left, each with its task, which keeps one more to begin anew
    // after a panic.
    until("the task of the third to end", || Arc::strong_count(&dns) == 8).await;
}

#[test]
fn a_host_that_nobody_asks_for_any_more_is_dropped_unless_a_request_holds_it() {
    let by_host = ByHost::new(UpstreamSettings::of(BalancingPolicy::RoundRobin));
    by_host.get(b"10.0.0.1", false).expect("an upstream");
    let held = by_host.get(b"10.0.0.2", false).expect("an upstream");
    by_host.0.drop_idle(Instant::now());
    assert_eq!(by_host.stats().len(), 2);
    by_host.0.drop_idle(Instant::now() + IDLE);
    assert_eq!(by_host.stats().len(), 1);
    assert!(Arc::ptr_eq(&held, &by_host.get(b"10.0.0.2", false).expect("still there")));
}

#[test]
fn it_can_be_used_from_any_thread() {
    fn any_thread<T: Send + Sync>() {}
    any_thread::<ByHost>();
}
