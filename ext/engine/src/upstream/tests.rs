pub(crate) mod certs;
pub(super) mod dns_server;
pub(super) mod tls_server;

use std::future::Future;
use std::time::Duration;

use address::Address;
use balancer::BalancingPolicy;
use connect::connect;

use super::dns::ResolvedAddress;
use super::*;
use crate::error::{Blame, ConnectErrorKind};
use crate::metrics::FailureReason;
use crate::upstream::backend::BackendSettings;
use dns_server::{DnsServer, Reply};

/// No test takes longer than this.
pub(super) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work).await.expect("done in time")
}

/// Waits until `done` holds; for things that happen in a task of their own and tell nobody.
pub(super) async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let waiting = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(15), waiting).await.unwrap_or_else(|_| panic!("waited too long: {what}"));
}

/// Time that passes faster than it does, for tests that wait for a time to live while a server on a real socket
/// answers.
pub(super) struct FastTime {
    /// What waits for it ends when this is dropped.
    _held: std::sync::mpsc::Sender<()>,
}

impl FastTime {
    /// From now on time passes in [`FastTime::until`] alone.
    pub(super) fn begin() -> Self {
        tokio::time::pause();
        let (_held, over) = std::sync::mpsc::channel();
        // While a blocking task runs, tokio does not move a paused clock by itself: it cannot know what comes over
        // sockets.
        tokio::task::spawn_blocking(move || over.recv());
        Self { _held }
    }

    /// Lets time pass until `done` holds.
    pub(super) async fn until(&self, what: &str, mut done: impl FnMut() -> bool) {
        for _ in 0..300 {
            if done() {
                return;
            }
            // What is on its way over sockets arrives meanwhile, long before 25 steps make a time limit of the
            // resolver.
            let rest = tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(2)));
            rest.await.expect("a rest");
            tokio::time::advance(Duration::from_millis(100)).await;
        }
        panic!("waited too long: {what}");
    }
}

/// A log that says nothing here.
pub(super) fn log() -> Arc<Log> {
    Log::to(crate::log::Level::Error, Box::new(std::io::sink()))
}

pub(crate) fn upstream(policy: BalancingPolicy, addresses: &[&str]) -> Arc<Upstream> {
    let member = |text: &&str| {
        let address = Address::parse(text).expect("an address");
        Member { address, secure: false, traits: BackendSettings::default() }
    };
    let members: Vec<_> = addresses.iter().map(member).collect();
    Upstream::new("test", false, &members, &UpstreamSettings::of(policy), None)
}

fn labels(upstream: &Upstream) -> Vec<String> {
    upstream.live.load().iter().map(|endpoint| endpoint.label().to_owned()).collect()
}

#[test]
fn literal_addresses_are_ready_at_once_and_keep_their_order() {
    let upstream =
        upstream(BalancingPolicy::Ordered, &["10.0.0.2:81", "unix:/run/app.sock", "[::1]", "localhost:3000"]);
    assert!(upstream.is_ready());
    assert_eq!(labels(&upstream), ["10.0.0.2:81", "unix:/run/app.sock", "[::1]:80", "localhost:3000"]);
    let authorities: Vec<_> = upstream.live.load().iter().map(|endpoint| endpoint.authority().to_owned()).collect();
    assert_eq!(authorities, ["10.0.0.2:81", "localhost", "[::1]", "localhost:3000"]);
}

#[tokio::test]
async fn localhost_is_reached_whichever_loopback_address_its_server_listens_on() {
    for loopback in ["127.0.0.1:0", "[::1]:0"] {
        let listener = tokio::net::TcpListener::bind(loopback).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let upstream = upstream(BalancingPolicy::RoundRobin, &[&format!("localhost:{port}")]);
        assert_eq!(upstream.len(), 1);
        let endpoint = upstream.choose(&Affinity::None, &mut Tried::default()).backend().expect("an endpoint");
        within(connect(&endpoint, None, &[], Duration::from_secs(5))).await.expect(loopback);
    }
}

#[tokio::test]
async fn every_address_of_a_name_is_a_backend_of_its_own() {
    let server = DnsServer::start(Reply::addresses(60, &["127.0.0.3", "127.0.0.2", "::1"])).await;
    let upstream = upstream(BalancingPolicy::RoundRobin, &["10.0.0.1:80", "app.test:3000"]);
    assert!(!upstream.is_ready());
    assert_eq!(upstream.stats()[1].address, "app.test:3000");
    upstream.start(&server.dns(), &Handle::current(), &log());
    within(upstream.ready()).await;
    assert_eq!(labels(&upstream), ["10.0.0.1:80", "127.0.0.2:3000", "127.0.0.3:3000", "[::1]:3000"]);
    assert_eq!(upstream.live.load().iter().nth(2).expect("a third").authority(), "app.test:3000");
    assert_eq!(upstream.stats().len(), 4);
}

#[tokio::test]
async fn answers_that_change_are_followed_when_their_time_to_live_runs_out() {
    let server = DnsServer::start(Reply::addresses(1, &["127.0.0.2", "127.0.0.3"])).await;
    let time = FastTime::begin();
    let upstream = upstream(BalancingPolicy::RoundRobin, &["app.test:3000"]);
    upstream.start(&server.dns(), &Handle::current(), &log());
    within(upstream.ready()).await;
    let kept = upstream.live.load().iter().nth(1).expect("a second").clone();
    let attempt = Attempt::begin(kept.clone());
    server.answer(Reply::addresses(1, &["127.0.0.3", "127.0.0.4"]));
    time.until("the new addresses", || labels(&upstream) == ["127.0.0.3:3000", "127.0.0.4:3000"]).await;
    assert_eq!(
        upstream.live.load().iter().next().expect("a first").id(),
        kept.id(),
        "an address that stays is the same endpoint"
    );
    assert_eq!(upstream.stats()[0].in_flight, 1);
    drop(attempt);
}

/// Somebody in the line who looks for a backend in the moment in which he is woken.
struct Looking {
    upstream: Arc<Upstream>,
    found: Mutex<Vec<String>>,
}

impl std::task::Wake for Looking {
    fn wake(self: Arc<Self>) {
        let choice = self.upstream.choose(&Affinity::None, &mut Tried::default());
        self.found.lock().push(choice.backend().map_or("nobody".to_owned(), |endpoint| endpoint.label().to_owned()));
    }
}

#[tokio::test]
async fn who_waits_is_woken_when_a_new_address_can_be_chosen_and_not_before() {
    let server = DnsServer::start(Reply::addresses(3600, &["127.0.0.2"])).await;
    let member = Member {
        address: Address::parse("app.test:3000").expect("an address"),
        secure: false,
        traits: BackendSettings { max_connections: Some(1), ..BackendSettings::default() },
    };
    let rules = Arc::new(backend::rules::GroupRules { queue: 1, ..backend::rules::GroupRules::default() });
    let settings = UpstreamSettings { rules, ..UpstreamSettings::of(BalancingPolicy::RoundRobin) };
    let upstream = Upstream::new("test", false, &[member], &settings, None);
    upstream.start(&server.dns(), &Handle::current(), &log());
    within(upstream.ready()).await;
    let endpoint = upstream.choose(&Affinity::None, &mut Tried::default()).backend().expect("a backend");
    let busy = Attempt::admit(endpoint, None).expect("room");
    let ticket = upstream.group().queue().enter(None).expect("room in the line");
    let looking = Arc::new(Looking { upstream: upstream.clone(), found: Mutex::default() });
    assert!(ticket.is_first(&std::task::Context::from_waker(&looking.clone().into())));
    let target = |host: &str| {
        ResolvedAddress::of("app.test", std::net::SocketAddr::new(host.parse().expect("an address"), 3000))
    };
    upstream.resolved(0, Some(&[target("127.0.0.2"), target("127.0.0.3")]));
    assert_eq!(*looking.found.lock(), ["127.0.0.3:3000"]);
    drop((ticket, busy));
}

#[test]
fn who_was_too_late_for_a_backend_may_have_it_when_there_is_room_again() {
    let member = |text: &str| Member {
        address: Address::parse(text).expect("an address"),
        secure: false,
        traits: BackendSettings { max_connections: Some(1), ..BackendSettings::default() },
    };
    let members = [member("127.0.0.2:80"), member("127.0.0.3:80")];
    let upstream = Upstream::new("test", false, &members, &UpstreamSettings::of(BalancingPolicy::Ordered), None);
    let second = upstream.live.load().iter().nth(1).expect("a second").clone();
    let _busy = Attempt::admit(second, None).expect("room");
    // Two requests look for the one place that is left, in the same moment; the slower one again when the other has
    // left.
    let (here, missed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let compete = || {
        let mut awaited = 0;
        let mut meet = || {
            awaited += 2;
            here.fetch_add(1, Ordering::SeqCst);
            while here.load(Ordering::SeqCst) < awaited {
                std::thread::yield_now();
            }
        };
        for _ in 0..5_000 {
            let mut admission = admission::Admission::new(&upstream, Affinity::None, 20.0);
            meet();
            let attempt = admission.admit_at_once();
            meet();
            let late = attempt.is_none();
            drop(attempt);
            meet();
            if late && admission.admit_at_once().is_none() {
                missed.fetch_add(1, Ordering::SeqCst);
            }
            meet();
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(compete);
        scope.spawn(compete);
    });
    assert_eq!(missed.into_inner(), 0);
}

#[test]
fn a_retry_that_the_budget_keeps_from_a_failing_backend_goes_to_one_that_is_well() {
    let upstream = upstream(BalancingPolicy::Ordered, &["127.0.0.2:80", "127.0.0.3:80", "127.0.0.4:80"]);
    let failing: Vec<_> = upstream.live.load().iter().take(2).cloned().collect();
    failing.iter().for_each(|endpoint| Attempt::begin(endpoint.clone()).failed(Blame::Backend, FailureReason::Error));
    let take = || backend::retry_budget::RetryPermit::take(upstream.group(), 20.0);
    let others: Vec<_> = std::iter::from_fn(take).collect();
    let mut admission = admission::Admission::new(&upstream, Affinity::None, 20.0);
    let mut next = || admission.admit_at_once().map(|attempt| attempt.label().to_owned());
    assert_eq!(next().as_deref(), Some("127.0.0.2:80"), "a first attempt needs no budget");
    assert_eq!(next().as_deref(), Some("127.0.0.4:80"));
    drop(others);
}

#[tokio::test]
async fn old_addresses_serve_on_while_the_server_fails_or_denies_the_name() {
    let server = DnsServer::start(Reply::addresses(1, &["127.0.0.2"])).await;
    let time = FastTime::begin();
    let upstream = upstream(BalancingPolicy::RoundRobin, &["app.test:3000"]);
    upstream.start(&server.dns(), &Handle::current(), &log());
    within(upstream.ready()).await;
    for failure in [Reply::ServerFailure, Reply::NoSuchName] {
        server.answer(failure);
        let asked = server.questions();
        time.until("another question", || server.questions() > asked + 1).await;
        assert_eq!(labels(&upstream), ["127.0.0.2:3000"]);
    }
    server.answer(Reply::addresses(1, &["127.0.0.9"]));
    time.until("the recovery", || labels(&upstream) == ["127.0.0.9:3000"]).await;
}

#[tokio::test]
async fn a_name_without_an_address_is_ready_and_empty_and_is_asked_for_again() {
    let server = DnsServer::start(Reply::NoSuchName).await;
    let time = FastTime::begin();
    let upstream = upstream(BalancingPolicy::RoundRobin, &["app.test"]);
    upstream.start(&server.dns(), &Handle::current(), &log());
    within(upstream.ready()).await;
    assert!(upstream.choose(&Affinity::None, &mut Tried::default()).backend().is_none());
    server.answer(Reply::addresses(60, &["127.0.0.2"]));
    time.until("the name to appear", || labels(&upstream) == ["127.0.0.2:80"]).await;
}

#[tokio::test]
async fn following_a_name_ends_with_its_upstream() {
    let server = DnsServer::start(Reply::addresses(3600, &["127.0.0.2"])).await;
    let upstream = upstream(BalancingPolicy::RoundRobin, &["app.test"]);
    let dns = server.dns();
    upstream.start(&dns, &Handle::current(), &log());
    within(upstream.ready()).await;
    // This test, the upstream and its task, which keeps one more to begin anew after a panic.
    assert_eq!(Arc::strong_count(&dns), 4);
    drop(upstream);
    until("the task to end", || Arc::strong_count(&dns) == 1).await;
}

#[tokio::test]
async fn a_failed_attempt_moves_on_to_the_next_backend_in_the_list() {
    let alive = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let dead = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address")
    };
    let alive_address = alive.local_addr().expect("an address").to_string();
    let upstream = upstream(BalancingPolicy::Ordered, &[&dead.to_string(), &alive_address]);
    let mut tried = Tried::default();
    let first = upstream.choose(&Affinity::None, &mut tried).backend().expect("a backend");
    let error = within(connect(&first, None, &[], Duration::from_secs(5))).await.expect_err("nobody listens");
    assert_eq!(error.kind(), ConnectErrorKind::Refused);
    let second = upstream.choose(&Affinity::None, &mut tried).backend().expect("another backend");
    assert_eq!(second.label(), alive_address);
    within(connect(&second, None, &[], Duration::from_secs(5))).await.expect("a connection");
}

#[tokio::test]
async fn a_service_stands_for_the_hosts_of_its_records() {
    let records = [(1, 3, 3001, "a.test"), (1, 1, 3002, "b.test"), (2, 9, 3003, "c.test")];
    let server = DnsServer::start(Reply::service(1, &records, &["127.0.0.1"])).await;
    let time = FastTime::begin();
    let upstream = upstream(BalancingPolicy::RoundRobin, &["_http._tcp.app.test"]);
    upstream.start(&server.dns(), &Handle::current(), &log());
    within(upstream.ready()).await;
    let chosen = || upstream.choose(&Affinity::None, &mut Tried::default()).backend().expect("a backend");
    // A round begins anywhere.
    let mut chosen: Vec<_> = (0..4).map(|_| chosen().label().to_owned()).collect();
    chosen.sort();
    assert_eq!(chosen, ["127.0.0.1:3001", "127.0.0.1:3001", "127.0.0.1:3001", "127.0.0.1:3002"]);
    let live = upstream.live.load();
    let described: Vec<_> = live.iter().map(|endpoint| (endpoint.settings().backup, endpoint.authority())).collect();
    assert_eq!(described, [(false, "app.test"), (false, "app.test"), (true, "app.test")]);

    server.answer(Reply::service(1, &records[1..], &["127.0.0.1"]));
    time.until("the record to go", || labels(&upstream) == ["127.0.0.1:3002", "127.0.0.1:3003"]).await;
}

#[tokio::test]
async fn a_name_that_cannot_be_resolved_is_told_of_once_and_again_when_it_can() {
    let lines = Lines::default();
    let server = DnsServer::start(Reply::NoSuchName).await;
    let time = FastTime::begin();
    let upstream = upstream(BalancingPolicy::RoundRobin, &["app.test"]);
    upstream.start(&server.dns(), &Handle::current(), &Log::to(crate::log::Level::Info, Box::new(lines.clone())));
    within(upstream.ready()).await;
    let asked = server.questions();
    time.until("further questions", || server.questions() >= asked + 2).await;
    server.answer(Reply::addresses(1, &["127.0.0.2"]));
    time.until("the name to appear", || labels(&upstream) == ["127.0.0.2:80"]).await;
    server.answer(Reply::addresses(1, &["127.0.0.3"]));
    time.until("the change", || lines.text().lines().count() == 3).await;
    let text = lines.text();
    let told: Vec<_> = text.lines().map(|line| line.split_once("upstream test: ").expect("a name").1).collect();
    assert!(told[0].starts_with("app.test has no address: "), "{told:?}");
    assert_eq!(told[1..], ["app.test is now at 127.0.0.2:80", "app.test is now at 127.0.0.3:80"]);
}

/// What was logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().clone()).expect("text")
    }
}

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
