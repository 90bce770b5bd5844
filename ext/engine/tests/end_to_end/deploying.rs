//! Deploys: a new application takes the place of the old one, or does not.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::Arc;

use proxy_engine::config::BackendConfig;
use proxy_engine::{Admin, DeployConfig, DeployEvent, DeployRun};

use crate::support::{eventually, nobody, Gate, Origin, Proxy, Reply};

fn to(addresses: &[&str]) -> DeployConfig {
    let to = addresses.iter().map(|address| BackendConfig::at(*address)).collect();
    DeployConfig { to, timeout: 10.0, ..DeployConfig::default() }
}

fn upstream(proxy: &Proxy) -> String {
    proxy.server.stats().backends[0].upstream.clone()
}

fn begin(proxy: &Proxy, deploy: &DeployConfig) -> DeployRun {
    proxy.server.deploy(&upstream(proxy), deploy).expect("it begins")
}

fn events(mut run: DeployRun) -> Vec<DeployEvent> {
    std::iter::from_fn(|| run.wait()).collect()
}

fn steps(events: &[DeployEvent]) -> Vec<&'static str> {
    events.iter().map(|event| event.step).collect()
}

fn addresses(proxy: &Proxy) -> Vec<(String, &'static str)> {
    proxy.server.stats().backends.into_iter().map(|it| (it.address, it.state)).collect()
}

/// An application whose checks say what the flag says.
fn application(name: &'static str, is_well: &Arc<AtomicBool>) -> Origin {
    let is_well = Arc::clone(is_well);
    Origin::answering(move |request| match request.target() {
        "/up" if !is_well.load(SeqCst) => Reply::of("500 Broken", "broken"),
        "/up" => Reply::ok("up"),
        _ => Reply::ok(name),
    })
}

#[test]
fn a_new_application_serves_once_it_is_ready_and_no_request_fails() {
    let is_well = Arc::new(AtomicBool::new(false));
    let (old, new) = (Origin::named("old"), application("new", &is_well));
    let proxy = Proxy::with(&[&old.address()], |_| ());
    let mut client = proxy.client();
    let mut run = begin(&proxy, &to(&[&new.address()]));
    let wait_for = |run: &mut DeployRun, step: &str| loop {
        let event = run.wait().expect("an event");
        if event.step == step {
            return event;
        }
    };
    let waiting = wait_for(&mut run, "waiting");
    assert_eq!(waiting.message, format!("{} answered 500 to /up", new.address()));
    assert_eq!(addresses(&proxy), [(old.address(), "ready"), (new.address(), "down")]);
    assert_eq!(client.get("/").text(), "old");
    is_well.store(true, SeqCst);
    wait_for(&mut run, "switched");
    assert_eq!(client.get("/").text(), "new");
    let done = events(run).pop().expect("the last event");
    assert_eq!((done.step, done.status), ("done", Some(200)));
    assert_eq!(addresses(&proxy), [(new.address(), "ready")]);
    let targets = new.targets();
    assert!(targets.iter().filter(|target| *target == "/up").count() >= 3, "{targets:?}");
}

#[test]
fn a_broken_application_leaves_the_old_one_and_the_error_says_why() {
    let is_well = Arc::new(AtomicBool::new(false));
    let (old, new, dead) = (Origin::named("old"), application("new", &is_well), nobody());
    let proxy = Proxy::with(&[&old.address()], |_| ());
    let revision = proxy.server.revision(&upstream(&proxy));
    let short = |address: &str| DeployConfig { timeout: 0.7, ..to(&[address]) };
    for (deploy, why) in [
        (short(&new.address()), format!("{} answered 500 to /up", new.address())),
        (short(&dead), format!("{dead}: connection refused")),
        (
            DeployConfig { health: Some("/healthz?a=1".into()), rise: Some(900), ..short(&new.address()) },
            format!("{}: only ", new.address()),
        ),
    ] {
        let last = events(begin(&proxy, &deploy)).pop().expect("the last event");
        assert_eq!((last.step, last.status), ("failed", Some(422)), "{last:?}");
        assert!(last.message.to_lowercase().starts_with(&why.to_lowercase()), "{} instead of {why}", last.message);
        assert_eq!(addresses(&proxy), [(old.address(), "ready")]);
        assert_eq!(proxy.client().get("/").text(), "old");
    }
    assert_eq!(proxy.server.revision(&upstream(&proxy)), revision, "nothing has changed");
    assert!(new.targets().iter().any(|target| target == "/healthz?a=1"));
}

#[test]
fn every_new_backend_has_to_be_ready() {
    let is_well = Arc::new(AtomicBool::new(true));
    let (old, new, dead) = (Origin::named("old"), application("new", &is_well), nobody());
    let proxy = Proxy::with(&[&old.address()], |_| ());
    let deploy = DeployConfig { timeout: 0.7, ..to(&[&new.address(), &dead]) };
    let events = events(begin(&proxy, &deploy));
    assert!(steps(&events).contains(&"ready"), "{events:?}");
    assert_eq!(events.last().expect("the last event").step, "failed");
    assert_eq!(proxy.client().get("/").text(), "old");
}

#[test]
fn what_is_in_flight_at_the_old_application_finishes_first() {
    let (go, gate) = Gate::new();
    let old = Origin::start(move |_, peer| {
        while peer.try_request().is_some() {
            if !gate.opens() {
                return;
            }
            peer.send(Reply::ok("old"));
        }
    });
    let new = Origin::named("new");
    let proxy = Proxy::with(&[&old.address()], |_| ());
    let mut client = proxy.client();
    client.send_get("/");
    eventually("it is in flight", || proxy.server.stats().requests.in_flight == 1);
    let mut run = begin(&proxy, &to(&[&new.address()]));
    let draining = loop {
        let event = run.wait().expect("an event");
        if event.step == "draining" {
            break event;
        }
    };
    assert!(draining.message.starts_with("1 request and 0 tunnels"), "{}", draining.message);
    assert_eq!(addresses(&proxy), [(new.address(), "ready"), (old.address(), "draining")]);
    assert_eq!(proxy.client().get("/").text(), "new");
    go.open();
    assert_eq!(client.response().text(), "old");
    assert_eq!(steps(&events(run)), ["done"]);
    eventually("it is gone", || addresses(&proxy) == [(new.address(), "ready")]);
}

#[test]
fn the_old_application_is_waited_for_no_longer_than_it_may_take() {
    let old = Origin::silent();
    let new = Origin::named("new");
    let proxy = Proxy::with(&[&old.address()], |_| ());
    let mut client = proxy.client();
    client.send_get("/");
    eventually("it is in flight", || proxy.server.stats().requests.in_flight == 1);
    let deploy = DeployConfig { drain: 0.2, ..to(&[&new.address()]) };
    let last = events(begin(&proxy, &deploy)).pop().expect("the last event");
    assert_eq!(last.status, Some(200));
    assert!(last.message.starts_with("1 request and 0 tunnels go on"), "{}", last.message);
    client.reset();
}

#[test]
fn one_deploy_at_a_time() {
    let old = Origin::named("old");
    let (dead, other) = (nobody(), Origin::named("other"));
    let proxy = Proxy::with(&[&old.address()], |_| ());
    let run = begin(&proxy, &to(&[&dead]));
    let second = proxy.server.deploy(&upstream(&proxy), &to(&[&other.address()])).expect_err("one is under way");
    assert_eq!(second.status(), 409);
    // Who has asked for it is gone: it is given up.
    drop(run);
    eventually("it is given up", || proxy.server.deploy(&upstream(&proxy), &to(&[&other.address()])).is_ok());
}

#[test]
fn mistakes_are_told_before_anything_begins() {
    let old = Origin::named("old");
    let proxy = Proxy::with(&[&old.address()], |_| ());
    let deploy = |deploy: &DeployConfig| proxy.server.deploy(&upstream(&proxy), deploy).expect_err("a mistake");
    let wrong = DeployConfig { health: Some("up".into()), timeout: -1.0, drain: f64::NAN, ..DeployConfig::default() };
    let error = deploy(&wrong);
    let text = error.to_string();
    assert_eq!(error.status(), 422);
    for part in ["to: there is no new backend", "timeout: -1", "drain: NaN", "health: \"up\" is not a valid path"] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(deploy(&to(&[&old.address(), &old.address()])).status(), 422, "one that stays, twice");
    assert_eq!(deploy(&to(&["127.0.0.1:1", "127.0.0.1:1"])).status(), 422, "twice");
    assert_eq!(deploy(&to(&["127.0.0.1:99999"])).status(), 422, "no port");
    assert_eq!(proxy.server.deploy("nobody", &to(&["127.0.0.1:1"])).expect_err("unknown").status(), 404);
}

#[test]
fn a_reload_meanwhile_changes_nothing_of_a_deploy() {
    let is_well = Arc::new(AtomicBool::new(false));
    let (old, new) = (Origin::named("old"), application("new", &is_well));
    let (added, backup) = (Origin::named("added"), Origin::named("backup"));
    let proxy = Proxy::with(&[&old.address()], |_| ());
    let mut run = begin(&proxy, &to(&[&new.address()]));
    while run.wait().expect("an event").step != "waiting" {}
    // The reload brings a backend, which the deploy does not replace, and one that serves if no other does.
    proxy.reload(&[&old.address(), &added.address(), &backup.address()], |settings| {
        settings.pool.backends.as_mut().expect("backends")[2].backup = true;
    });
    is_well.store(true, SeqCst);
    let last = events(run).pop().expect("the last event");
    assert_eq!(last.status, Some(200), "{}", last.message);
    let now: Vec<_> = addresses(&proxy).into_iter().map(|(address, _)| address).collect();
    assert_eq!(now, [added.address(), backup.address(), new.address()]);
    // It lasts over the next reload as well.
    proxy.reload(&[&old.address()], |_| ());
    assert_eq!(addresses(&proxy), [(new.address(), "ready")]);
}

#[test]
fn a_reload_that_takes_the_upstream_away_ends_its_deploy() {
    let is_well = Arc::new(AtomicBool::new(false));
    let (old, new, other) = (Origin::named("old"), application("new", &is_well), Origin::named("other"));
    let proxy = Proxy::with(&[&old.address()], |_| ());
    let mut run = begin(&proxy, &to(&[&new.address()]));
    while run.wait().expect("an event").step != "waiting" {}
    // It ends without another look at the new one, which is not well.
    proxy.reload(&[&other.address()], |_| ());
    let last = events(run).pop().expect("the last event");
    assert_eq!((last.step, last.status), ("failed", Some(409)));
    assert!(last.message.contains("a reload has removed the upstream"), "{}", last.message);
    assert_eq!(proxy.client().get("/").text(), "other");
}

#[test]
fn the_new_backends_get_the_settings_of_those_that_they_replace() {
    let (old, new) = (Origin::named("old"), Origin::named("new"));
    let proxy = Proxy::with(&[&old.address()], |settings| {
        let backend = &mut settings.pool.backends.as_mut().expect("backends")[0];
        (backend.weight, backend.max_connections) = (7, Some(3));
    });
    events(begin(&proxy, &to(&[&new.address()])));
    let backend = proxy.server.stats().backends.remove(0);
    assert_eq!((backend.address, backend.weight, backend.max_connections), (new.address(), 7, Some(3)));
    // And back again, to one that the configuration lists.
    events(begin(&proxy, &to(&[&old.address()])));
    let backend = proxy.server.stats().backends.remove(0);
    assert_eq!((backend.address, backend.added, backend.weight), (old.address(), false, 7));
}

#[test]
fn deploys_in_a_row_lose_no_request() {
    let count = Arc::new(AtomicUsize::new(0));
    let origins: Vec<_> = (0..6).map(|_| Origin::named("ok")).collect();
    let proxy = Proxy::with(&[&origins[0].address()], |_| ());
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut client = proxy.client();
                while !is_over.load(SeqCst) {
                    assert_eq!(client.get("/").text(), "ok");
                    count.fetch_add(1, SeqCst);
                }
            });
        }
        for origin in &origins[1..] {
            let last = events(begin(&proxy, &to(&[&origin.address()]))).pop().expect("the last event");
            assert_eq!(last.status, Some(200), "{}", last.message);
        }
        is_over.store(true, SeqCst);
    });
    assert!(count.load(SeqCst) > 100);
    assert!(origins[5].requests().len() > 1, "the last one serves");
}

#[test]
fn a_backend_that_is_there_already_is_checked_and_stays() {
    let (stays, leaves, comes) = (Origin::named("stays"), Origin::named("leaves"), Origin::named("comes"));
    let proxy = Proxy::with(&[&stays.address(), &leaves.address()], |_| ());
    let name = upstream(&proxy);
    proxy.server.set_state(&format!("{name}/{}", stays.address()), Admin::Draining).expect("it is there");
    let seen = events(begin(&proxy, &to(&[&stays.address(), &comes.address()])));
    assert_eq!(seen.last().map(|last| (last.step, last.status)), Some(("done", Some(200))), "{seen:?}");
    assert!(seen[0].message.ends_with(&format!("is checked in place of {}", leaves.address())), "{}", seen[0].message);
    let mut both = vec![(stays.address(), "ready"), (comes.address(), "ready")];
    both.sort();
    let mut there = addresses(&proxy);
    there.sort();
    assert_eq!(there, both);
    // Once more, and nothing else happens.
    assert_eq!(events(begin(&proxy, &to(&[&comes.address()]))).last().map(|last| last.step), Some("done"));
    assert_eq!(events(begin(&proxy, &to(&[&comes.address()]))).last().map(|last| last.step), Some("done"));
    assert_eq!(addresses(&proxy), [(comes.address(), "ready")]);
    assert_eq!(proxy.client().get("/").text(), "comes");
    let mut heavy = BackendConfig::at(comes.address());
    heavy.weight = 3;
    let refused = proxy.server.deploy(&name, &DeployConfig { to: vec![heavy], ..DeployConfig::default() });
    assert!(refused.expect_err("its options").to_string().contains("write its address alone"));
}

#[test]
fn a_backend_that_is_there_and_not_well_goes_on_as_it_was() {
    let is_well = Arc::new(AtomicBool::new(false));
    let old = application("old", &is_well);
    let proxy = Proxy::with(&[&old.address()], |_| ());
    let seen = events(begin(&proxy, &DeployConfig { timeout: 0.5, ..to(&[&old.address()]) }));
    assert_eq!(seen.last().map(|last| last.step), Some("failed"));
    assert_eq!(addresses(&proxy), [(old.address(), "ready")]);
    assert_eq!(proxy.client().get("/").text(), "old");
}

#[test]
fn a_deploy_ends_with_a_last_step_when_the_server_stops() {
    let old = Origin::named("old");
    let proxy = Proxy::with(&[&old.address()], |_| ());
    let mut run = begin(&proxy, &to(&[&nobody()]));
    while run.wait().expect("an event").step != "waiting" {}
    proxy.server.begin_stop(None);
    let last = events(run).pop().expect("the last event");
    assert_eq!((last.step, last.status), ("failed", Some(503)));
    assert!(last.message.starts_with("the server is stopping; "), "{}", last.message);
}
