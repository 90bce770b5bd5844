//! The file of the state: what was changed at run time is there after a restart.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use proxy_engine::config::{BackendConfig, Setting};
use proxy_engine::{Admin, BackendChange, DeployConfig, PassedState};

use crate::support::{eventually, Origin, Proxy, Settings, PATIENCE};

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("proxy.state")
    }

    fn keeping(&self) -> impl Fn(&mut Settings) + '_ {
        |settings| settings.server.state = Some(Setting::of(self.file().to_str().expect("a path").into()))
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).expect("a folder");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect();
        names.sort();
        names
    }
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn upstream(proxy: &Proxy) -> String {
    proxy.server.stats().backends[0].upstream.clone()
}

fn weight(weight: i64) -> BackendChange {
    BackendChange { weight: Some(weight), ..BackendChange::default() }
}

fn shown(proxy: &Proxy) -> Vec<(String, u32, &'static str, bool)> {
    let all = proxy.server.stats().backends.into_iter();
    all.map(|it| (it.address, it.weight, it.state, it.added)).collect()
}

fn stop(proxy: Proxy) {
    proxy.server.begin_stop(Some(PATIENCE));
    assert!(proxy.server.wait(Some(PATIENCE)));
}

#[test]
fn changes_outlive_the_process() {
    let (place, a, b, c) = (Place::new(), Origin::named("a"), Origin::named("b"), Origin::named("c"));
    let (one, two) = (a.address(), b.address());
    let proxy = Proxy::with(&[&one, &two], place.keeping());
    let name = upstream(&proxy);
    proxy.server.change_backend(&format!("{name}/{two}"), &weight(5), None).expect("changed");
    proxy.server.set_state(&format!("{name}/{two}"), Admin::Draining).expect("set");
    proxy.server.remove_backend(&format!("{name}/{one}"), None).expect("removed");
    proxy.server.add_backend(&name, &BackendConfig::at(c.address()), None, None).expect("added");
    eventually("it is written", || text(&place.file()).contains(&c.address()));
    let mode = fs::metadata(place.file()).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let expected = shown(&proxy);
    assert_eq!(expected, [(two.clone(), 5, "draining", false), (c.address(), 1, "ready", true)]);
    let revision = proxy.server.revision(&name).expect("a revision");
    stop(proxy);
    assert_eq!(place.names(), ["proxy.state"]);
    let proxy = Proxy::with(&[&one, &two], place.keeping());
    assert_eq!(shown(&proxy), expected);
    assert!(proxy.server.revision(&name).expect("a revision") >= revision, "it never falls");
    assert_eq!(proxy.client().get("/").text(), "c");
    stop(proxy);
    // What is written otherwise by now wins, and what is gone is left out.
    let proxy = Proxy::with(&[&one, &c.address()], place.keeping());
    assert_eq!(shown(&proxy), [(c.address(), 1, "ready", false)]);
    stop(proxy);
    assert!(!text(&place.file()).contains(&two), "{}", text(&place.file()));
}

#[test]
fn a_change_that_is_not_written_yet_is_written_at_the_stop() {
    let (place, a) = (Place::new(), Origin::named("a"));
    let proxy = Proxy::with(&[&a.address()], place.keeping());
    let name = upstream(&proxy);
    for number in 2..50 {
        proxy.server.change_backend(&name, &weight(number), None).expect("changed");
    }
    stop(proxy);
    assert!(text(&place.file()).contains("\"weight\": 49"), "{}", text(&place.file()));
}

#[test]
fn a_file_that_cannot_be_understood_is_set_aside_and_the_server_starts() {
    let a = Origin::named("a");
    for content in
        ["", "{\"schema\": 1, \"upstr", "{\"version\": 3}", "{\"schema\": 2, \"upstreams\": {}}", "[1]", "\0\u{1}"]
    {
        let place = Place::new();
        fs::write(place.file(), content).expect("written");
        let proxy = Proxy::with(&[&a.address()], place.keeping());
        assert_eq!(proxy.client().get("/").text(), "a");
        assert_eq!(text(&place.0.path().join("proxy.state.broken")), content);
        proxy.server.change_backend(&upstream(&proxy), &weight(3), None).expect("changed");
        stop(proxy);
        assert!(text(&place.file()).contains("\"weight\": 3"));
    }
}

#[test]
fn two_servers_do_not_share_a_file_and_the_second_takes_it_when_the_first_ends() {
    let (place, a) = (Place::new(), Origin::named("a"));
    let first = Proxy::with(&[&a.address()], place.keeping());
    let name = upstream(&first);
    first.server.change_backend(&name, &weight(2), None).expect("changed");
    eventually("it is written", || text(&place.file()).contains("\"weight\": 2"));
    let second = Proxy::with(&[&a.address()], place.keeping());
    assert_eq!(shown(&second)[0].1, 2, "it goes on where the first one is");
    second.server.change_backend(&name, &weight(3), None).expect("changed");
    first.server.change_backend(&name, &weight(4), None).expect("changed");
    eventually("the first one writes", || text(&place.file()).contains("\"weight\": 4"));
    first.server.release_state();
    eventually("the second one writes", || text(&place.file()).contains("\"weight\": 3"));
    first.server.change_backend(&name, &weight(6), None).expect("changed");
    stop(first);
    assert!(text(&place.file()).contains("\"weight\": 3"));
    stop(second);
}

#[test]
fn a_place_that_cannot_be_written_stops_nothing_and_the_next_change_tries_again() {
    let (place, a) = (Place::new(), Origin::named("a"));
    let folder = place.0.path().join("later");
    let file = folder.join("proxy.state");
    let proxy = Proxy::with(&[&a.address()], |settings| {
        settings.server.state = Some(Setting::of(file.to_str().expect("a path").into()));
    });
    let name = upstream(&proxy);
    proxy.server.change_backend(&name, &weight(2), None).expect("changed");
    assert_eq!(proxy.client().get("/").text(), "a");
    fs::create_dir(&folder).expect("a folder");
    proxy.server.change_backend(&name, &weight(3), None).expect("changed");
    eventually("it is written", || text(&file).contains("\"weight\": 3"));
    stop(proxy);
}

#[test]
fn a_reload_can_name_another_file() {
    let (place, a) = (Place::new(), Origin::named("a"));
    let proxy = Proxy::with(&[&a.address()], place.keeping());
    let name = upstream(&proxy);
    proxy.server.change_backend(&name, &weight(2), None).expect("changed");
    let other = place.0.path().join("other.state");
    proxy.reload(&[&a.address()], |settings| {
        settings.server.state = Some(Setting::of(other.to_str().expect("a path").into()));
    });
    eventually("it is written", || text(&other).contains("\"weight\": 2"));
    eventually("the old one is let go", || !place.names().contains(&"proxy.state.lock".to_owned()));
    stop(proxy);
}

#[test]
fn a_process_that_takes_over_can_name_another_file() {
    for before in [false, true] {
        let (place, a) = (Place::new(), Origin::named("a"));
        let other = place.0.path().join("other.state");
        let old = Proxy::with(&[&a.address()], |settings| {
            settings.server.state = before.then(|| Setting::of(other.to_str().expect("a path").into()));
        });
        old.server.change_backend(&upstream(&old), &weight(2), None).expect("changed");
        let mut config = Proxy::config(&[&a.address()], place.keeping());
        config.passed = Some(PassedState::new(old.server.state_to_pass().as_str()));
        let new = Proxy::start(config);
        eventually("it is written", || text(&place.file()).contains("\"weight\": 2"));
        old.server.begin_hand_over(Some(PATIENCE), &[0]);
        assert!(old.server.wait(Some(PATIENCE)));
        stop(new);
    }
}

#[test]
fn a_deploy_outlives_the_process() {
    let (place, old, new) = (Place::new(), Origin::named("old"), Origin::named("new"));
    let proxy = Proxy::with(&[&old.address()], place.keeping());
    let deploy = DeployConfig { to: vec![BackendConfig::at(new.address())], ..DeployConfig::default() };
    let mut run = proxy.server.deploy(&upstream(&proxy), &deploy).expect("it begins");
    while run.wait().is_some() {}
    stop(proxy);
    let proxy = Proxy::with(&[&old.address()], place.keeping());
    assert_eq!(proxy.client().get("/").text(), "new");
    stop(proxy);
}

/// Set in the process that is killed: the folder of the file.
const KILLED: &str = "PROXY_TEST_KILLED_WITH";

#[test]
fn a_process_that_is_killed_leaves_a_whole_file() {
    if let Some(folder) = std::env::var_os(KILLED) {
        let file = Path::new(&folder).join("proxy.state");
        let backends: Vec<String> = (1..=300).map(|port| format!("127.1.0.1:{port}")).collect();
        let backends: Vec<&str> = backends.iter().map(String::as_str).collect();
        let proxy = Proxy::with(&backends, |settings| {
            settings.server.state = Some(Setting::of(file.to_str().expect("a path").into()));
        });
        let name = upstream(&proxy);
        for number in (2..).cycle() {
            let _ = proxy.server.change_backend(&name, &weight(number % 60_000 + 1), None);
        }
    }
    let place = Place::new();
    let own = std::env::current_exe().expect("a path");
    let name = std::thread::current().name().expect("a test has a name").to_owned();
    for round in 0..8 {
        let before = text(&place.file());
        let mut child = std::process::Command::new(&own)
            .args(["--exact", &name])
            .env(KILLED, place.0.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("it starts");
        eventually("it writes", || text(&place.file()) != before);
        child.kill().expect("killed");
        child.wait().expect("ended");
        let state: serde_json::Value = serde_json::from_str(&text(&place.file())).expect("a whole file");
        assert_eq!(state["schema"], 1, "round {round}");
        let proxy = Proxy::with(&["127.1.0.1:1"], place.keeping());
        assert!(!place.names().contains(&"proxy.state.broken".to_owned()));
        stop(proxy);
        // The server that has just stopped knows but one of them.
        fs::remove_file(place.file()).expect("removed");
    }
}
