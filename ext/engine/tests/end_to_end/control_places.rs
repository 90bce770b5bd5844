//! Where the control API is served: sockets, and what a reload does to them.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use proxy_engine::configuration::ControlConfig;
use proxy_engine::{Server, StartError};

use crate::support::{Origin, Proxy, PATIENCE};

fn at(path: &Path) -> ControlConfig {
    ControlConfig { address: format!("unix://{}", path.display()), ..ControlConfig::default() }
}

fn proxy(origin: &Origin, places: Vec<ControlConfig>) -> Proxy {
    Proxy::with(&[&origin.address()], |settings| settings.server.control = places)
}

/// The status of an answer; `None` if nobody listens.
fn ask(path: &Path, host: &str) -> Option<u16> {
    let mut stream = UnixStream::connect(path).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    write!(stream, "GET /health/live HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.get(9..12)?.parse().ok()
}

#[test]
fn a_socket_is_for_its_owner_and_goes_with_the_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, origin) = (folder.path().join("p.sock"), Origin::named("a"));
    let proxy = proxy(&origin, vec![at(&path)]);
    let mode = std::fs::symlink_metadata(&path).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(ask(&path, "proxy"), Some(200));
    assert_eq!(ask(&path, "rebound.example"), Some(403), "a browser can come through a tunnel");
    proxy.server.begin_stop(None);
    assert!(proxy.server.wait(Some(PATIENCE)));
    assert!(!path.exists());
}

#[test]
fn a_stale_file_is_replaced_and_a_living_server_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, origin) = (folder.path().join("p.sock"), Origin::named("a"));
    drop(UnixListener::bind(&path).expect("a socket"));
    let first = proxy(&origin, vec![at(&path)]);
    let config = |change: fn(&mut ControlConfig)| {
        let mut place = at(&path);
        change(&mut place);
        Proxy::config(&[&origin.address()], |settings| settings.server.control = vec![place])
    };
    let error = Server::start(config(|_| ())).expect_err("the other one listens there");
    let StartError::Bind(problem) = error else { panic!("{error:?}") };
    let message = format!("unix://{}: a running proxy listens there", path.display());
    assert!(problem.message.starts_with(&message), "{problem}");
    // A place that nobody wrote is not needed.
    let second = Proxy::start(config(|place| place.is_optional = true));
    assert!(second.server.control_urls().is_empty());
    assert_eq!(ask(&path, "x"), Some(200));
    drop(first);
}

#[test]
fn a_reload_opens_and_closes_places() {
    let folder = tempfile::tempdir().expect("a folder");
    let (kept, left, new) = (folder.path().join("a"), folder.path().join("b"), folder.path().join("c"));
    let origin = Origin::named("a");
    let proxy = proxy(&origin, vec![at(&kept), at(&left)]);
    let mut through = UnixStream::connect(&kept).expect("it listens");
    proxy.reload(&[&origin.address()], |settings| settings.server.control = vec![at(&kept), at(&new)]);
    assert_eq!((ask(&kept, "x"), ask(&new, "x")), (Some(200), Some(200)));
    crate::support::eventually("it is closed", || !left.exists());
    write!(through, "GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("it is open");
    let mut answer = String::new();
    through.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    proxy.reload(&[&origin.address()], |_| ());
    crate::support::eventually("all are closed", || !kept.exists() && !new.exists());
    assert!(proxy.server.control_urls().is_empty());
}

#[test]
fn a_place_that_cannot_be_used_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, origin) = (folder.path().join("p.sock"), Origin::named("a"));
    let proxy = proxy(&origin, vec![at(&path)]);
    let nowhere = folder.path().join("none/p.sock");
    let config = Proxy::config(&[&origin.address()], |settings| settings.server.control = vec![at(&nowhere)]);
    let error = proxy.server.reload(&config).expect_err("there is no such folder");
    let StartError::Bind(problem) = error else { panic!("{error:?}") };
    assert!(problem.message.contains("the folder does not exist: create it first"), "{problem}");
    assert_eq!((ask(&path, "x"), proxy.client().get("/").text()), (Some(200), "a".into()));
}
