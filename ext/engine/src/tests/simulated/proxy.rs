//! The proxy of a run: one engine thread without its sockets.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::events::{self, note, violation};
use crate::client::ClientInfo;
use crate::compile::Purpose;
use crate::downstream::connection;
use crate::downstream::listener::Accepted;
use crate::log::Log;
use crate::metrics::Counters;
use crate::snapshot::{carry_over, compile, Snapshot};
use crate::stats::Stats;
use crate::stream::memory::{Network, Pipe};
use crate::stream::Stream;
use crate::worker::Worker;
use crate::Config;

/// How long connections may take to end once their clients have.
const PATIENCE: Duration = Duration::from_secs(200);

pub(super) struct Proxy {
    engine: Rc<Worker>,
    source: Arc<ArcSwap<Snapshot>>,
    counters: Arc<Counters>,
    log: Arc<Log>,
    network: Arc<Network>,
    permits: Arc<Semaphore>,
    janitor: JoinHandle<()>,
    connections: RefCell<Vec<JoinHandle<()>>>,
    /// Configurations that others took the place of.
    old: RefCell<Vec<Weak<Snapshot>>>,
}

impl Proxy {
    pub(super) fn start(config: &Config, network: &Arc<Network>) -> Self {
        let log = events::log();
        let compiled = compile(config, Purpose::Start);
        assert!(!compiled.has_errors(), "{:?}", compiled.problems);
        compiled.snapshot.start(&Handle::current(), &log);
        let source = Arc::new(ArcSwap::from_pointee(compiled.snapshot));
        let counters = Arc::new(Counters::default());
        let engine = Worker::new(Arc::clone(&source), Arc::clone(&counters), Arc::clone(&log));
        let cleaner = Rc::clone(&engine);
        let janitor = tokio::task::spawn_local(async move { cleaner.pool.run_janitor().await });
        Self {
            engine,
            source,
            counters,
            log,
            network: Arc::clone(network),
            permits: Arc::new(Semaphore::new(1000)),
            janitor,
            connections: RefCell::default(),
            old: RefCell::default(),
        }
    }

    /// A client's connection to it. `None` once it accepts no more.
    pub(super) fn connect(&self, client: SocketAddr) -> Option<Pipe> {
        let permit = Arc::clone(&self.permits).try_acquire_owned().ok()?;
        let (near, far) = self.network.pair();
        let link = ClientInfo {
            addr: client.ip().to_string().into(),
            ip: Some(client.ip()),
            port: Some(client.port()),
            local_ip: Some([10, 0, 0, 1].into()),
            local_port: Some(80),
            ..ClientInfo::default()
        };
        let bind = Arc::clone(self.source.load().binds.iter().next()?);
        let accepted = Accepted { stream: Stream::Memory(far), client_info: link, permit, bind };
        self.counters.connection_opened();
        let served = connection::serve(Rc::clone(&self.engine), accepted, self.engine.register());
        self.connections.borrow_mut().push(tokio::task::spawn_local(served));
        Some(near)
    }

    /// Takes another configuration, as [`Server::reload`](crate::server::Server::reload) does.
    pub(super) fn reload(&self, config: &Config) {
        note(format_args!("a reload"));
        let before = self.source.load_full();
        let compiled = carry_over(Some(&before), config, Purpose::Start);
        assert!(!compiled.has_errors(), "{:?}", compiled.problems);
        let snapshot = Arc::new(compiled.snapshot);
        before.retire(&snapshot);
        snapshot.binds.carry_over(&before.binds);
        snapshot.start(&Handle::current(), &self.log);
        self.source.store(snapshot);
        self.old.borrow_mut().push(Arc::downgrade(&before));
        self.engine.take_newest();
    }

    /// Accepts no more, and ends what is idle.
    pub(super) fn drain(&self) {
        note(format_args!("a drain"));
        self.permits.close();
        self.engine.drain();
    }

    /// What must hold once everybody has gone.
    pub(super) async fn check_rest(&self) {
        if timeout(PATIENCE, self.engine.wait_for_connections()).await.is_err() {
            violation(format_args!("connections of clients go on"));
        }
        for connection in self.connections.take() {
            match timeout(Duration::from_secs(1), connection).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => violation(format_args!("a connection's task: {error}")),
                Err(_) => violation(format_args!("a connection's task goes on")),
            }
        }
        self.janitor.abort();
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.engine.take_newest();
        let mut stats = Stats::default();
        self.counters.add_to(&mut stats);
        let requests = &stats.requests;
        let left = [stats.connections.active, requests.in_flight, requests.tunnels, requests.event_streams];
        if left != [0; 4] {
            violation(format_args!("counters are not back to zero: {stats:?}"));
        }
        let kept = (self.engine.pool.len(), self.engine.pool.shared());
        if kept != (0, 0) {
            violation(format_args!("connections to backends are kept: {kept:?}"));
        }
        self.source.load().each_upstream(&mut |upstream| {
            let busy = upstream.stats().iter().any(|backend| backend.in_flight + backend.tunnels > 0);
            if busy || !upstream.group().is_at_rest() {
                violation(format_args!("upstream {} is not at rest: {:?}", upstream.name(), upstream.stats()));
            }
        });
        let old = self.old.borrow().iter().filter(|old| old.strong_count() > 0).count();
        if old > 0 {
            violation(format_args!("{old} configurations are held that nobody uses"));
        }
        if Rc::strong_count(&self.engine) > 1 {
            violation(format_args!("{} tasks go on", Rc::strong_count(&self.engine) - 1));
        }
    }
}
