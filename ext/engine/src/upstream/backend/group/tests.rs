use std::thread;

use super::*;
use crate::clock;
use crate::compile::Report;
use crate::config::{HealthCheck, PoolConfig};
use crate::log::tests::Memory;
use crate::upstream::backend::{BackendAddress, BackendSettings};
use crate::upstream::health::schedule::checker;

fn members(group: &Arc<BackendGroup>) -> [Arc<Backend>; 2] {
    let make = |label: &str| {
        Backend::within(group, label.into(), "a", BackendAddress::Unix("/a".into()), None, BackendSettings::default())
    };
    let members = [make("a:1"), make("b:1")];
    group.set_members(&members, false);
    members
}

fn checking() -> Arc<BackendGroup> {
    let pool = PoolConfig { health_check: Some(HealthCheck::default()), ..PoolConfig::default() };
    BackendGroup::new("app", Arc::new(Report::sound(|report| GroupRules::compile(&pool, report))))
}

#[test]
fn who_waits_for_the_members_after_a_check_holds_no_record() {
    let group = checking();
    let [backend, _] = members(&group);
    backend.history.status.doubt(false, clock::now());
    thread::scope(|scope| {
        let held = group.members.lock();
        scope.spawn(|| backend.checked(Ok(())));
        // From then on it asks for the members.
        while backend.history.status.is_doubted() {
            thread::yield_now();
        }
        let is_locked = backend.history.checks.is_locked();
        drop(held);
        assert!(!is_locked);
    });
}

#[tokio::test]
async fn who_waits_for_a_record_at_the_start_does_not_hold_the_members() {
    let forgotten = Forgotten { checks: true, outliers: true };
    let group = BackendGroup::carry_over(None, "app", Default::default(), forgotten);
    let [backend, _] = members(&group);
    backend.history.status.set_healthy(false);
    let (handle, log) = (Handle::current(), Log::to(Level::Info, Box::new(Memory::default())));
    thread::scope(|scope| {
        let held = backend.history.outlier.lock();
        scope.spawn(|| group.start(&handle, &log, checker));
        // From then on it asks for the record of failures.
        while backend.history.status.is_unhealthy() {
            thread::yield_now();
        }
        let is_locked = group.members.is_locked();
        drop(held);
        assert!(!is_locked);
    });
}

#[test]
fn a_time_that_no_clock_has_is_no_fault() {
    for since in ["1e19", "-1", "1e300", "5"] {
        let group = checking();
        let text = format!(r#"{{"upstream": "app", "health": {{"a:1": {{"healthy": true, "since": {since}}}}}}}"#);
        group.take(&serde_json::from_str(&text).expect("what another process has told"));
        let [backend, _] = members(&group);
        assert_eq!(backend.state(), "ready", "{since}");
    }
}
