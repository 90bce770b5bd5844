//! Cookies that name a backend.

use proxy_http::message::Fields;

use super::*;
use crate::upstream::balancer::sticky::Sticky;

fn sticky(secret: Option<&str>) -> Arc<Sticky> {
    let spec = crate::config::StickyConfig { cookie: "backend".into(), secret: secret.map(Into::into) };
    Arc::new(Sticky::new(&spec).expect("a policy"))
}

fn bench(sticky: &Arc<Sticky>, traits: Vec<BackendSettings>) -> Bench {
    Bench::by(BalancingPolicy::Sticky(sticky.clone()), traits)
}

/// What a request asks that has the cookie as it was set.
fn returning(sticky: &Sticky, set_cookie: &str) -> Affinity {
    let mut fields = Fields::default();
    let pair = set_cookie.split(';').next().expect("a pair");
    fields.append("Cookie", format!("other=1; {pair}").as_bytes());
    sticky.read(&fields).map_or(Affinity::None, Affinity::Cookie)
}

fn set_cookie(sticky: &Sticky, endpoint: &Backend, secure: bool) -> String {
    let mut text = Vec::new();
    sticky.write(endpoint, secure, &mut text);
    String::from_utf8(text).expect("text")
}

fn first(bench: &Bench, affinity: &Affinity) -> String {
    bench.choose_for(affinity, &mut Tried::default()).backend().expect("a backend").label().to_owned()
}

#[test]
fn a_client_comes_back_to_its_backend() {
    let sticky = sticky(None);
    let bench = bench(&sticky, vec![BackendSettings::default(); 3]);
    assert_eq!(bench.firsts(3), ["0", "1", "2"], "without a cookie in turn");
    let affinity = returning(&sticky, &set_cookie(&sticky, bench.endpoint("1"), false));
    assert!((0..10).all(|_| first(&bench, &affinity) == "1"));
}

#[test]
fn a_cookie_shows_no_address_and_is_for_the_eyes_of_servers() {
    let sticky = sticky(Some("a secret that is long enough"));
    let bench = bench(&sticky, vec![BackendSettings::default()]);
    let text = set_cookie(&sticky, bench.endpoint("0"), false);
    let value = text.strip_prefix("backend=").and_then(|rest| rest.strip_suffix("; Path=/; HttpOnly; SameSite=Lax"));
    let value = value.expect("a cookie");
    assert!(value.len() == 32 && value.bytes().all(|b| b.is_ascii_hexdigit()), "{value}");
    assert!(set_cookie(&sticky, bench.endpoint("0"), true).ends_with("; SameSite=Lax; Secure"));
}

#[test]
fn cookies_that_we_did_not_make_are_as_none() {
    let (ours, theirs) = (sticky(None), sticky(Some("another secret of theirs")));
    let bench = bench(&ours, vec![BackendSettings::default(); 2]);
    let foreign = set_cookie(&theirs, bench.endpoint("1"), false);
    for cookie in [&foreign, "backend=1", "backend=", "backend=00000000000000000000000000000000", "else=1"] {
        let affinity = returning(&ours, cookie);
        assert_eq!([first(&bench, &affinity), first(&bench, &affinity)], ["0", "1"], "{cookie}");
    }
}

#[test]
fn proxies_with_the_same_secret_understand_each_other() {
    let (one, other) = (sticky(Some("a secret that is long enough")), sticky(Some("a secret that is long enough")));
    let bench = bench(&one, vec![BackendSettings::default(); 3]);
    let affinity = returning(&one, &set_cookie(&other, bench.endpoint("2"), false));
    assert_eq!(first(&bench, &affinity), "2");
}

#[test]
fn a_draining_backend_keeps_its_clients_and_gets_no_new_ones() {
    let sticky = sticky(None);
    let bench = bench(&sticky, vec![BackendSettings::default(); 2]);
    let affinity = returning(&sticky, &set_cookie(&sticky, bench.endpoint("1"), false));
    bench.endpoint("1").set_admin(Admin::Draining);
    assert_eq!(first(&bench, &affinity), "1");
    assert_eq!(bench.firsts(3), ["0"; 3]);
    bench.take_down("1");
    assert_eq!(first(&bench, &affinity), "0");
}

#[test]
fn a_client_whose_backend_failed_or_is_full_is_served_by_another() {
    let sticky = sticky(None);
    let bench = bench(
        &sticky,
        vec![BackendSettings::default(), BackendSettings { max_connections: Some(1), ..BackendSettings::default() }],
    );
    let affinity = returning(&sticky, &set_cookie(&sticky, bench.endpoint("1"), false));
    let mut tried = Tried::default();
    let labels: Vec<_> = (0..2)
        .map(|_| bench.choose_for(&affinity, &mut tried).backend().expect("a backend").label().to_owned())
        .collect();
    assert_eq!(labels, ["1", "0"]);
    let held = Attempt::begin(bench.endpoint("1").clone());
    assert_eq!(first(&bench, &affinity), "0");
    drop(held);
    assert_eq!(first(&bench, &affinity), "1");
}
