//! Splits: a part of the requests goes to another upstream.

use proxy_engine::config::{BackendConfig, PoolConfig, UpstreamConfig};
use proxy_engine::configuration::{Config, Directive, FilterConfig, SplitConfig, SplitKey};
use proxy_engine::{Admin, Server};

use crate::support::{http2, request, Origin, Peer, Proxy};

struct Site {
    proxy: Proxy,
    // Dropped last.
    old: Origin,
    new: Origin,
}

fn config(old: &Origin, new: &Origin, split: SplitConfig) -> Config {
    Proxy::config(&[&old.address()], |settings| {
        let pool = PoolConfig { backends: Some(vec![BackendConfig::at(new.address())]), ..PoolConfig::default() };
        settings.server.upstreams.push(UpstreamConfig { name: "v2".into(), pool, ..UpstreamConfig::default() });
        settings.server.routes.push(Directive::Filter(FilterConfig::Split(split)));
    })
}

fn site(split: SplitConfig) -> Site {
    let (old, new) = (Origin::named("old"), Origin::named("new"));
    Site { proxy: Proxy::start(config(&old, &new, split)), old, new }
}

fn split(by: Option<SplitKey>, percent: f64) -> SplitConfig {
    SplitConfig { by, parts: vec![("v2".into(), percent)], ..SplitConfig::default() }
}

fn by_cookie(percent: f64) -> SplitConfig {
    split(Some(SplitKey::Cookie("uid".into())), percent)
}

fn ask(client: &mut Peer, fields: &str) -> (String, Option<String>) {
    client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
    let response = client.response();
    (response.text(), response.get("Set-Cookie").map(str::to_owned))
}

/// Which of a thousand clients get the new version.
fn moved(site: &Site) -> Vec<bool> {
    let mut client = site.proxy.client();
    (0..1000).map(|uid| ask(&mut client, &format!("Cookie: uid={uid}\r\n")).0 == "new").collect()
}

fn count(moved: &[bool]) -> usize {
    moved.iter().filter(|moved| **moved).count()
}

/// Those of each split, if any differs from the file.
fn percentages(proxy: &Proxy) -> Vec<Vec<f64>> {
    let splits = proxy.server.traffic().splits;
    splits.iter().map(|split| split.shares.iter().map(|share| share.percent).collect()).collect()
}

#[test]
fn a_larger_percentage_moves_nobody_back() {
    let site = site(by_cookie(10.0));
    let mut before = moved(&site);
    assert!((60..=140).contains(&count(&before)), "{}", count(&before));
    assert_eq!(moved(&site), before, "a client stays where it is");
    for percent in [20.0, 50.0, 90.0, 100.0] {
        site.proxy.server.set_split("v2", percent).expect("it is known");
        let now = moved(&site);
        let most = (percent * 10.0) as usize;
        assert!((most.saturating_sub(60)..=most + 60).contains(&count(&now)), "{percent}: {}", count(&now));
        assert!(before.iter().zip(&now).all(|(before, now)| !before || *now), "{percent}: somebody went back");
        before = now;
    }
    site.proxy.server.set_split("v2", 0.0).expect("it is known");
    assert_eq!(count(&moved(&site)), 0);
}

#[test]
fn what_was_set_at_run_time_stays_until_the_file_says_something_else() {
    let site = site(by_cookie(10.0));
    site.proxy.server.set_split("v2", 100.0).expect("it is known");
    let reload = |percent| site.proxy.server.reload(&config(&site.old, &site.new, by_cookie(percent)));
    reload(10.0).expect("a sound configuration");
    assert_eq!(count(&moved(&site)), 1000);
    assert_eq!(percentages(&site.proxy), [[100.0]]);
    reload(0.0).expect("a sound configuration");
    assert_eq!((count(&moved(&site)), site.proxy.server.traffic().splits.len()), (0, 0));
}

#[test]
fn what_was_set_at_run_time_is_known_in_the_next_process() {
    let (old, new) = (Origin::named("old"), Origin::named("new"));
    let written = |second: f64| {
        let upstream = |name: &str| {
            let pool = PoolConfig { backends: Some(vec![BackendConfig::at(new.address())]), ..PoolConfig::default() };
            UpstreamConfig { name: name.into(), pool, ..UpstreamConfig::default() }
        };
        Proxy::config(&[&old.address()], |settings| {
            settings.server.upstreams.extend(["a", "b"].map(upstream));
            for parts in [vec![("a".into(), 10.0), ("b".into(), 90.0)], vec![("b".into(), second)]] {
                settings
                    .server
                    .routes
                    .push(Directive::Filter(FilterConfig::Split(SplitConfig { parts, ..SplitConfig::default() })));
            }
        })
    };
    let first = Proxy::start(written(50.0));
    // One after the other these are too much beside what the file says.
    first.server.set_split("b", 10.0).expect("it is known");
    first.server.set_split("a", 90.0).expect("it is known");
    let left = first.server.traffic();
    let second = Proxy::start(written(50.0));
    assert_eq!(second.server.restore_traffic(&left), [""; 0]);
    assert_eq!(percentages(&second), [vec![90.0, 10.0], vec![10.0]]);
    let third = Proxy::start(written(40.0));
    let lost = ["split: b: its split is gone or written otherwise by now: 10 % is forgotten"];
    assert_eq!(third.server.restore_traffic(&left), lost);
    assert_eq!(percentages(&third), [vec![90.0, 10.0], vec![40.0]]);
}

#[test]
fn the_cookie_of_a_client_keeps_its_choice_in_the_next_process() {
    let first = site(by_cookie(50.0));
    let (answer, cookie) = ask(&mut first.proxy.client(), "");
    let cookie = cookie.expect("a cookie");
    let cookie = cookie.split(';').next().expect("a pair");
    // Both know the secret of one process.
    let next = Proxy::start(config(&first.old, &first.new, by_cookie(50.0)));
    assert_eq!(ask(&mut next.client(), &format!("Cookie: {cookie}\r\n")), (answer, None));
}

#[test]
fn a_client_without_a_value_gets_a_signed_cookie_that_keeps_its_choice_over_a_reload() {
    let site = site(by_cookie(50.0));
    let mut client = site.proxy.client();
    let mut clients = Vec::new();
    for _ in 0..50 {
        let (answer, cookie) = ask(&mut client, "");
        let cookie = cookie.expect("a cookie");
        assert!(cookie.starts_with("proxy_split=") && cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{cookie}");
        clients.push((answer, cookie.split(';').next().expect("a pair").to_owned()));
    }
    assert!(clients.iter().any(|(answer, _)| answer == "new") && clients.iter().any(|(answer, _)| answer == "old"));
    site.proxy.server.reload(&config(&site.old, &site.new, by_cookie(50.0))).expect("a sound configuration");
    for (answer, cookie) in &clients {
        assert_eq!(ask(&mut client, &format!("Cookie: {cookie}\r\n")), (answer.clone(), None));
    }
    let (_, forged) = &clients[0];
    let last = if forged.ends_with('0') { '1' } else { '0' };
    let forged = format!("{}{last}", &forged[..forged.len() - 1]);
    assert!(ask(&mut client, &format!("Cookie: {forged}\r\n")).1.is_some(), "one that is not ours is replaced");
}

#[test]
fn listed_clients_always_get_the_first_upstream() {
    let allow = vec!["ann".into()];
    let listed = site(SplitConfig { allow, ..by_cookie(0.0) });
    let mut client = listed.proxy.client();
    assert_eq!(ask(&mut client, "Cookie: uid=ann\r\n").0, "new");
    assert_eq!(ask(&mut client, "Cookie: uid=bob\r\n").0, "old");
    let near = site(SplitConfig { allow: vec!["127.0.0.0/8".into()], ..split(None, 0.0) });
    assert_eq!(ask(&mut near.proxy.client(), ""), ("new".into(), None));
}

#[test]
fn headers_addresses_and_chance_decide_too() {
    let by_header = site(split(Some(SplitKey::Header("X-Account".into())), 50.0));
    let mut client = by_header.proxy.client();
    let new = (0..500).filter(|account| ask(&mut client, &format!("X-Account: {account}\r\n")).0 == "new").count();
    assert!((180..=320).contains(&new), "{new}");

    let by_address = site(split(Some(SplitKey::Address), 50.0));
    let mut client = by_address.proxy.client();
    let (first, cookie) = ask(&mut client, "");
    assert_eq!(cookie, None);
    assert!((0..20).all(|_| ask(&mut client, "").0 == first));

    let by_chance = site(split(None, 50.0));
    let mut client = by_chance.proxy.client();
    let answers: Vec<_> = (0..500).map(|_| ask(&mut client, "")).collect();
    assert!(answers.iter().all(|(_, cookie)| cookie.is_none()));
    let new = answers.iter().filter(|(answer, _)| answer == "new").count();
    assert!((180..=320).contains(&new), "{new}");
}

#[test]
fn the_rest_serves_while_the_upstream_cannot_unless_it_must_not() {
    for (fallback, expected) in [(true, "old"), (false, "503")] {
        let site = site(SplitConfig { fallback, ..by_cookie(100.0) });
        site.proxy.server.set_state("v2", Admin::Down).expect("it is known");
        let mut client = site.proxy.client();
        client.send("GET / HTTP/1.1\r\nHost: a\r\nCookie: uid=1\r\n\r\n");
        let response = client.response();
        let answer = if response.status() == 200 { response.text() } else { response.status().to_string() };
        assert_eq!(answer, expected);
    }
}

#[test]
fn a_pause_holds_only_the_requests_of_its_own_upstream() {
    let site = site(SplitConfig { allow: vec!["ann".into()], ..by_cookie(0.0) });
    site.proxy.server.pause("v2", std::time::Duration::from_secs(600)).expect("it is known");
    let mut ann = site.proxy.client();
    ann.send("GET / HTTP/1.1\r\nHost: a\r\nCookie: uid=ann\r\n\r\n");
    assert_eq!(ask(&mut site.proxy.client(), "Cookie: uid=bob\r\n").0, "old");
    site.proxy.server.resume(Some("v2")).expect("it is known");
    assert_eq!(ann.response().text(), "new");
}

#[test]
fn streams_of_http2_are_split_like_requests() {
    let site = site(by_cookie(50.0));
    let over_http1 = moved(&site);
    http2(&site.proxy, |client| async move {
        for (uid, new) in over_http1.iter().enumerate().take(100) {
            let asked = request("GET", "/").header("cookie", format!("uid={uid}")).body(()).expect("a request");
            let answer = client.send(asked, None).await.expect("an answer");
            assert_eq!(answer.text() == "new", *new, "{uid}");
        }
    });
}

#[test]
fn mistakes_are_told_with_what_to_write() {
    let (old, new) = (Origin::named("old"), Origin::named("new"));
    for (parts, told) in [
        (vec![("v3".to_owned(), 10.0)], "\"v3\" is no upstream (did you mean v2? There are v2)"),
        (vec![("v2".to_owned(), 110.0)], "\"v2\": 110 is out of range: write per cent from 0 to 100"),
        (vec![], "names no upstream: write a name with its per cent"),
    ] {
        let problems = Server::check(&config(&old, &new, SplitConfig { parts, ..by_cookie(0.0) }));
        assert!(problems.iter().any(|problem| problem.message.contains(told)), "{told}: {problems:?}");
    }
    let site = site(by_cookie(10.0));
    let error = site.proxy.server.set_split("v3", 10.0).expect_err("it is unknown").to_string();
    assert_eq!(error, "\"v3\" is not a valid upstream of a split: write one of v2");
    let error = site.proxy.server.set_split("v2", 101.0).expect_err("too much").to_string();
    assert!(error.contains("write per cent from 0 to 100"), "{error}");
}
