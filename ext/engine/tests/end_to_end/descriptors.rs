//! When open files run short: what is ours to bear is no backend's fault.

use std::fs::File;
use std::os::fd::AsRawFd;

use nix::sys::resource::{getrlimit, setrlimit, Resource};
use proxy_engine::config::HealthCheck;

use crate::support::{eventually, has_own_process, Origin, Peer, Proxy};

const LIMIT: u64 = 256;

fn limit(soft: u64, hard: u64) {
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).expect("a limit");
}

/// Takes every descriptor below `end` that is free at this moment.
fn take_all_below(end: i32, taken: &mut Vec<File>) {
    while let Some(file) = File::open("/dev/null").ok().filter(|file| file.as_raw_fd() < end) {
        taken.push(file);
    }
}

#[test]
fn the_soft_limit_is_raised_to_the_hard_limit() {
    if !has_own_process() {
        return;
    }
    limit(LIMIT, LIMIT + 50);
    let origin = Origin::echoing_targets();
    let _proxy = Proxy::before(&origin);
    assert_eq!(getrlimit(Resource::RLIMIT_NOFILE), Ok((LIMIT + 50, LIMIT + 50)));
}

#[test]
fn a_backend_that_cannot_be_asked_for_want_of_files_is_not_at_fault() {
    if !has_own_process() {
        return;
    }
    limit(LIMIT, LIMIT);
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        settings.pool.health_check =
            Some(HealthCheck { tcp: true, interval: 0.05, fall: 1, rise: 1, ..HealthCheck::default() });
        settings.pool.max_fails = 1;
        settings.pool.keepalive = 0;
    });
    eventually("it was checked", || proxy.server.stats().backends[0].check.is_some());
    let mut client = proxy.client();
    assert_eq!(client.get("/a").status(), 200);
    // Nothing is left but the reserve, which checks may use. What ends meanwhile gives some back.
    let mut taken = Vec::new();
    let mut refused = |end: i32, client: &mut Peer| {
        eventually("nothing is left", || {
            take_all_below(end, &mut taken);
            client.get("/b").status() == 503
        });
    };
    let reserved = LIMIT as i32 - 16;
    refused(reserved, &mut client);
    let checked = origin.connections();
    eventually("checks go on", || origin.connections() > checked + 3);
    // Nor is anything left for checks.
    refused(LIMIT as i32, &mut client);
    std::thread::sleep(std::time::Duration::from_millis(300));
    refused(LIMIT as i32, &mut client);
    let backend = &proxy.server.stats().backends[0];
    assert_eq!((backend.failures, backend.state), (0, "ready"));
    taken.clear();
    assert_eq!(client.get("/d").status(), 200);
}

#[test]
fn idle_clients_make_room_when_no_file_is_left_for_another() {
    if !has_own_process() {
        return;
    }
    limit(LIMIT, LIMIT);
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    let mut idle: Vec<_> = (0..5).map(|_| proxy.client()).collect();
    idle.iter_mut().for_each(|client| assert_eq!(client.get("/a").status(), 200));
    // The client's own end needs one.
    let mut taken = Vec::new();
    take_all_below(LIMIT as i32, &mut taken);
    taken.pop();
    let mut new = proxy.client();
    new.send_get("/b");
    idle[0].expect_end();
    assert_eq!(new.response().status(), 200);
}
