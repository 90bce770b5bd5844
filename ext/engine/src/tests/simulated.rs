//! Runs of the whole engine in which a seed decides everything: when bytes arrive and in what pieces, what clients and
//! backends do, when a backend is killed, when another configuration comes. Time is virtual, so that minutes take
//! milliseconds.
//!
//! After each run must hold: every request that was sent was answered once, by a backend of its own, or its client can
//! tell that it may be sent again; one that is not idempotent was never sent twice; no connection to a backend was used
//! under another key; every counter is back at zero, every pool empty, every task over.
//!
//! `SEED=7 cargo test -p proxy-engine --lib simulated` runs one seed and prints all that happened; `SEEDS=10000` runs
//! so many, `FROM=500` begins there.

mod backend;
mod client;
mod events;
mod http2;
mod ledger;
mod proxy;
mod scenario;
mod wire;

use std::ops::{Deref, DerefMut};
use std::rc::Rc;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};

use crate::clock;
use crate::stream::memory::Network;
use crate::upstream::backend::history;
use backend::{Alive, Backend};
use client::Client;
use events::{note, violation};
use ledger::Ledger;
use proxy::Proxy;
use scenario::Scenario;

/// Seeds that every test run tries.
const SEEDS: u64 = 300;
/// No run takes as long, in its own time.
const LONGEST: Duration = Duration::from_secs(1_000);

/// What decides. Every part of a run has its own, so that none changes because another does.
struct Dice(fastrand::Rng);

impl Dice {
    fn fork(&mut self) -> Self {
        Self(self.0.fork())
    }

    /// One of several.
    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.usize(0..of.len())]
    }

    /// Less than one of several.
    fn up_to(&mut self, of: &[u64]) -> u64 {
        let most = self.pick(of);
        self.u64(0..most)
    }

    /// The length of a body: mostly short.
    fn length(&mut self) -> usize {
        let most = self.pick(&[1, 100, 2_000, 40_000]);
        self.usize(0..most)
    }
}

impl Deref for Dice {
    type Target = fastrand::Rng;

    fn deref(&self) -> &fastrand::Rng {
        &self.0
    }
}

impl DerefMut for Dice {
    fn deref_mut(&mut self) -> &mut fastrand::Rng {
        &mut self.0
    }
}

/// What came of a run.
struct Report {
    events: Vec<String>,
    violations: Vec<String>,
    requests: (usize, usize),
}

/// Runs one seed.
fn run(seed: u64) -> Report {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    fastrand::seed(seed);
    let ledger = Rc::new(Ledger::default());
    let all = LocalSet::new();
    let requests = Rc::clone(&ledger);
    all.block_on(&runtime, async move {
        clock::simulated::begin_here();
        history::tests::number_here();
        events::begin();
        if timeout(LONGEST, play(seed, ledger)).await.is_err() {
            violation(format_args!("the run goes on and on"));
        }
    });
    drop(all);
    drop(runtime);
    clock::simulated::end_here();
    let (events, violations) = events::finish();
    Report { events, violations, requests: requests.count() }
}

async fn play(seed: u64, ledger: Rc<Ledger>) {
    let mut dice = Dice(fastrand::Rng::with_seed(seed));
    let network = Network::new(dice.u64(..));
    let _installed = network.install();
    let mut scenario = Scenario::new(dice.fork());
    let places: Rc<[(String, String)]> = places(&scenario).into();
    let backends = backends(&scenario, &network, &ledger, &mut dice);
    let proxy = Rc::new(Proxy::start(&scenario.config(), &network));
    let mut clients = Vec::new();
    for number in 1..=dice.usize(1..=8) {
        let (proxy, ledger, places) = (Rc::clone(&proxy), Rc::clone(&ledger), Rc::clone(&places));
        let client = Client { number, proxy, ledger, places };
        clients.push(tokio::task::spawn_local(client.run(dice.fork())));
    }
    for _ in 0..dice.usize(0..4) {
        sleep(Duration::from_millis({
            let most = dice.pick(&[100, 3_000]);
            dice.u64(0..most)
        }))
        .await;
        proxy.reload(&scenario.config());
    }
    // A drain while there is much to do, or when all is done.
    if dice.bool() {
        sleep(Duration::from_millis(dice.u64(0..3_000))).await;
        proxy.drain();
    }
    for client in clients {
        if let Err(error) = client.await {
            violation(format_args!("a client: {error}"));
        }
    }
    proxy.drain();
    proxy.check_rest().await;
    drop(backends);
    sleep(Duration::from_secs(1)).await;
    drop(proxy);
    if network.open_ends() > 0 {
        violation(format_args!("{} ends of connections are open", network.open_ends()));
    }
    ledger.close();
    note(format_args!("the end"));
}

/// First parts of paths, and the host that each is asked of.
fn places(scenario: &Scenario) -> Vec<(String, String)> {
    let named = scenario.upstreams.iter().map(|group| (group.name.clone(), "a.example".to_owned()));
    let hosts = scenario.hosts.iter().map(|host| ("host".to_owned(), host.to_string()));
    named.chain(hosts).collect()
}

fn backends(scenario: &Scenario, network: &std::sync::Arc<Network>, ledger: &Rc<Ledger>, dice: &mut Dice) -> Alive {
    let mut addresses: Vec<_> = scenario.upstreams.iter().flat_map(|group| group.addresses.clone()).collect();
    addresses.extend(&scenario.hosts);
    addresses.sort();
    addresses.dedup();
    let start = |address| {
        let has = |group: &&scenario::Group| group.addresses.contains(&address);
        let mut groups: Vec<_> =
            scenario.upstreams.iter().filter(has).map(|group| (group.name.clone(), group.introduces)).collect();
        let http2 = scenario.upstreams.iter().filter(has).any(|group| group.http2);
        if scenario.hosts.contains(&address) {
            groups.push(("host".into(), false));
        }
        let (network, ledger) = (std::sync::Arc::clone(network), Rc::clone(ledger));
        let backend = Rc::new(Backend { address, groups, http2, network, ledger });
        tokio::task::spawn_local(backend.run(dice.fork())).abort_handle()
    };
    Alive(addresses.into_iter().map(start).collect())
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn whatever_happens_requests_are_answered_once_and_nothing_is_left() {
    if let Some(seed) = number("SEED") {
        let report = run(seed);
        report.events.iter().for_each(|event| println!("{event}"));
        assert!(report.violations.is_empty(), "{}", report.violations.join("\n"));
        return;
    }
    let from = number("FROM").unwrap_or(0);
    let (mut asked, mut seen) = (0, 0);
    let mut failures = String::new();
    for seed in from..from + number("SEEDS").unwrap_or(SEEDS) {
        let Report { violations, requests, .. } = run(seed);
        asked += requests.0;
        seen += requests.1;
        if !violations.is_empty() {
            failures += &format!("SEED={seed} cargo test -p proxy-engine --lib simulated: {}\n", violations.join("; "));
        }
    }
    println!("{asked} requests, {seen} of which came to a backend");
    assert!(failures.is_empty(), "\n{failures}");
}

#[test]
fn a_seed_decides_everything() {
    for seed in 0..number("SEEDS").unwrap_or(8) {
        let (first, second) = (run(seed).events, run(seed).events);
        let differ = first.iter().zip(&second).find(|(first, second)| first != second);
        assert_eq!((differ, first.len()), (None, second.len()), "seed {seed}");
    }
}
