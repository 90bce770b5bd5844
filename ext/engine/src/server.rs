//! A running server, from configuration to drain.

mod adopt;
mod bind_failure;
mod deploying;
mod hand_over;
mod lifecycle;
mod notes;
mod operations;
mod reload;
mod steering;
mod scraping;
mod threads;
mod traffic;

pub use traffic::TrafficError;

pub use deploying::{DeployEvent, DeployRun};
pub use steering::SteeringError;

use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;

use crate::certificates::info::CertificateInfo;
use crate::compile::Purpose;
use crate::config::{BackendConfig, Problem, Setting};
use crate::configuration::Config;
use crate::control_api::{ControlApi, Operations, Order, OrderWaiter};
use crate::descriptors::{self, Descriptors};
use crate::downstream::listener::Listener;
use crate::fork_safe::Mutex;
use crate::latency::{self, LatencyWindow};
use crate::listen::binds::Bind;
use crate::listen::tls::development;
use crate::log::Log;
use crate::metrics::Counters;
use crate::output::open_standard_descriptors;
use crate::panics::{enduring, enduring_with};
use crate::snapshot::{self, PassedOn, Settings, Snapshot};
use crate::stats::Stats;
use crate::upstream::Admin;
use bind_failure::cannot_bind;
use lifecycle::Lifecycle;
use notes::Notes;
use scraping::Scraper;
use steering::Steering;
use threads::{ServerHandle, Workers};

/// Why a server did not start, or did not take another configuration. After a failed start nothing stays bound; after a
/// failed reload everything stays as it was.
#[derive(Debug)]
pub enum StartError {
    /// All mistakes in the configuration.
    Configuration(Vec<Problem>),
    /// An address that could not be bound.
    Bind(Problem),
    /// The operating system gave no thread or no runtime.
    System(std::io::Error),
    /// The server is stopping or has stopped, too late for another configuration.
    Stopped,
}

/// No backend and no upstream has the requested name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownBackend {
    /// What was asked for: a `backend` or an `upstream`.
    kind: &'static str,
    target: String,
    /// The names that exist.
    names: Vec<String>,
}

impl std::fmt::Display for UnknownBackend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, target, names } = self;
        match &names[..] {
            [] => write!(f, "{target:?} is not a valid {kind}: there are none"),
            names => write!(f, "{target:?} is not a valid {kind}: write one of {}", names.join(", ")),
        }
    }
}

impl std::error::Error for UnknownBackend {}

/// Why the backends of an upstream were not replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetBackendsError {
    /// No upstream has the requested name.
    Unknown(UnknownBackend),
    /// All mistakes in the list.
    Mistakes(Vec<String>),
    /// Another process takes the place of this one.
    Refused(&'static str),
}

impl std::fmt::Display for SetBackendsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown(unknown) => unknown.fmt(f),
            Self::Mistakes(mistakes) => f.write_str(&mistakes.join("; ")),
            Self::Refused(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for SetBackendsError {}

/// A running server. Dropping it stops it at once, without waiting.
#[derive(Debug)]
pub struct Server {
    snapshot: Arc<ArcSwap<Snapshot>>,
    counters: Vec<Arc<Counters>>,
    life: Arc<Lifecycle>,
    control: ServerHandle,
    log: Arc<Log>,
    /// Held during a reload.
    reloading: Mutex<()>,
    running: Mutex<RunningConfig>,
    steering: Arc<Steering>,
    control_api: Arc<ControlApi>,
    latency: LatencyWindow,
    notes: Notes,
}

/// Settings of the configuration that runs, which a reload may change. Locked only for moments.
#[derive(Debug)]
struct RunningConfig {
    /// Addresses where the server listens, in the order of the file: each bind and its URL for display.
    listening: Vec<(Arc<Bind>, String)>,
    shutdown_timeout: Duration,
    tunnel_grace: Duration,
    /// Limit of client connections, lowered to what the limit of open files allows.
    max_connections: usize,
}

impl Server {
    /// Checks the configuration without starting anything. Returns errors and warnings in the order of the file.
    pub fn check(config: &Config) -> Vec<Problem> {
        snapshot::compile(config, Purpose::Check).problems
    }

    /// Starts the engine threads and returns once every address is bound.
    pub fn start(config: Config) -> Result<Arc<Server>, StartError> {
        open_standard_descriptors();
        descriptors::raise_limit();
        // Before the configuration is compiled, since secrets are among it.
        let passed = config.passed.as_ref().map(PassedOn::receive);
        let compiled = snapshot::compile(&config, Purpose::Start);
        if compiled.has_errors() {
            return Err(StartError::Configuration(compiled.problems));
        }
        let binds = &compiled.snapshot.binds;
        let mut listeners = Vec::with_capacity(binds.len());
        for (number, bind) in binds.iter().enumerate() {
            let listener = Listener::open(bind, config.handed_over(number), binds.is_beside_v4(bind));
            listeners.push(listener.map_err(|error| cannot_bind(bind, &error))?);
        }
        let settings = compiled.settings;
        let control_api = Arc::new(ControlApi::default());
        let doors =
            control_api.open(&settings.control, &config.passed_control, &settings.log).map_err(StartError::Bind)?;
        settings.log.start().map_err(StartError::System)?;
        if let Some(blocks) = config.blocks.queue() {
            blocks.log_to(&settings.log);
        }
        if let Some(listener) = listeners.iter().find(|listener| listener.bind.is_development) {
            for line in development::instructions(&listener.url) {
                settings.log.info(format_args!("{line}"));
            }
        }
        let listening = listeners.iter().map(|listener| (listener.bind.clone(), listener.url.clone())).collect();
        let is_told = matches!(passed, Some(Ok(_)));
        match passed {
            Some(Ok(passed)) => compiled.snapshot.take(passed, &settings.log),
            Some(Err(place)) => settings.log.warn(format_args!(
                "what the process before has told cannot be read ({place}): states and session tickets begin anew"
            )),
            None => {}
        }
        let snapshot = Arc::new(ArcSwap::from_pointee(compiled.snapshot));
        let steering = Steering::new(&snapshot, &settings, is_told);
        let (api, keeper) = (Arc::clone(&control_api), Arc::clone(&steering.keeper));
        let crew = Workers { snapshot: snapshot.clone(), settings: &settings, listeners, control_api: api, keeper };
        let (life, counters, control) = crew.start().map_err(StartError::System)?;
        steering.start(&control.background, &life);
        let registry = Arc::clone(snapshot.load().metrics());
        registry.reloads.started(SystemTime::now());
        if let Some(questions) = registry.scrapes.take_questions() {
            let (snapshot, counters, log) = (Arc::clone(&snapshot), counters.clone(), Arc::clone(&settings.log));
            let scraper = Scraper { snapshot, counters, log, questions };
            let told = Arc::clone(&settings.log);
            let scraping = enduring_with("the collection of metrics", told, scraper, |own| Box::pin(own.run()));
            control.background.spawn(async move { drop(scraping.await) });
        }
        if let Some(problem) = too_many_connections(control.descriptors, &config.max_connections, &settings) {
            settings.log.warn(format_args!("{problem}"));
        }
        let running = RunningConfig {
            listening,
            shutdown_timeout: settings.shutdown_timeout,
            tunnel_grace: settings.tunnel_grace,
            max_connections: control.descriptors.clients(settings.max_connections),
        };
        let (reloading, running) = (Mutex::default(), Mutex::new(running));
        let (log, notes, latency) = (settings.log, Notes::new(), LatencyWindow::default());
        let server = Server {
            snapshot,
            counters,
            life,
            control,
            log,
            reloading,
            running,
            steering,
            control_api,
            latency,
            notes,
        };
        let server = Arc::new(server);
        let weak = Arc::downgrade(&server);
        let work = move || turn_latency(weak.clone());
        server.control.background.spawn(enduring("the window of latencies", Arc::clone(&server.log), work));
        let operations: Weak<dyn Operations> = Arc::downgrade(&server) as Weak<dyn Operations>;
        server.control_api.serve_for(operations);
        server.control_api.take(&settings.control, doors, &server.control.background, &server.log);
        Ok(server)
    }

    /// The URL of every bind, with the actual port in place of port 0.
    pub fn urls(&self) -> Vec<String> {
        self.running.lock().listening.iter().map(|(_, url)| url.clone()).collect()
    }

    /// Where metrics are served and nothing else, with the actual port in place of port 0.
    pub fn metrics_urls(&self) -> Vec<String> {
        self.control_api.metrics_urls()
    }

    /// Figures since the start.
    pub fn stats(&self) -> Stats {
        Stats { backends: self.snapshot.load().backend_stats(), ..self.totals() }
    }

    /// The same without those of backends.
    fn totals(&self) -> Stats {
        let snapshot = self.snapshot.load();
        let mut stats = Stats { blocks: snapshot.blocks.stats(), ..Stats::default() };
        stats.spans = snapshot.exporters.stats();
        for counters in &self.counters {
            counters.add_to(&mut stats);
        }
        stats.requests.latency = self.latency.quantiles(self.counters.iter().map(|counters| counters.latency()));
        stats.requests.queued = snapshot.waiting() as u64;
        stats
    }

    /// The certificates that clients are shown, in the order of the file, then those that the proxy gets by itself. It
    /// reads storage, so it may take a while.
    pub fn certificates(&self) -> Vec<CertificateInfo> {
        let snapshot = self.snapshot.load_full();
        let mut all = snapshot.binds.described();
        if let Some(acme) = snapshot.acme.clone() {
            let mut managed = self.control.ask(async move { acme.certificates().await }).unwrap_or_default();
            snapshot.add_troubles(&mut managed);
            all.append(&mut managed);
        }
        all
    }

    /// Asks for a new certificate before the old one ends, and returns at once.
    ///
    /// # Errors
    /// If no managed certificate has that name, or if storage cannot be written.
    pub fn renew_certificate(&self, name: &str) -> Result<(), String> {
        let Some(acme) = self.snapshot.load().acme.clone() else {
            return Err("the configuration has no acme, so there is nothing to renew".into());
        };
        let name = name.to_owned();
        self.control.ask(async move { acme.wish(&name).await }).unwrap_or_else(|| Err("storage did not answer".into()))
    }

    /// Sets whether a backend (`UPSTREAM/BACKEND`) or every backend of an upstream (`UPSTREAM`) gets requests.
    ///
    /// # Errors
    /// If none has that name, or if another process takes the place of this one.
    pub fn set_state(&self, target: &str, state: Admin) -> Result<(), SteeringError> {
        self.steering.set_state(target, state)
    }

    /// Replaces the backends of an upstream until the next reload. A backend that stays keeps its figures, its health
    /// and its idle connections; requests in flight at the others finish there. The list may be empty.
    ///
    /// # Errors
    /// If no upstream has that name, or if the list has mistakes. The backends then stay as they are.
    pub fn set_backends(&self, upstream: &str, backends: &[BackendConfig]) -> Result<(), SetBackendsError> {
        self.steering.set_backends(upstream, backends)
    }

    /// Where the control API is served, with the actual port in place of port 0.
    pub fn control_urls(&self) -> Vec<String> {
        self.control_api.urls()
    }

    /// Waits for the next order of the control API, which only the Ruby side can carry out: `Ok(None)` once there will
    /// be none, `Err` after [`Self::interrupt_order`].
    #[allow(clippy::result_unit_err, reason = "there is nothing to say of an interrupt")]
    pub fn next_order(&self, waiter: &OrderWaiter) -> Result<Option<Order>, ()> {
        self.control_api.orders.next(waiter)
    }

    /// Makes the wait of `waiter` return.
    pub fn interrupt_order(&self, waiter: &OrderWaiter) {
        self.control_api.orders.interrupt(waiter);
    }

    /// Answers an order by a status of HTTP and a body in JSON.
    ///
    /// # Errors
    /// If that is no status or no JSON: then a 500 is the answer.
    pub fn answer_order(&self, id: u64, status: u16, body: &str) -> Result<(), String> {
        let read = http::StatusCode::from_u16(status)
            .map_err(|error| error.to_string())
            .and_then(|status| Ok((status, serde_json::from_str(body).map_err(|error| error.to_string())?)));
        let failed = read.as_ref().err().cloned();
        let (status, body) = read.unwrap_or_else(|error| {
            (http::StatusCode::INTERNAL_SERVER_ERROR, serde_json::json!({ "error": error, "problems": [] }))
        });
        self.control_api.orders.answer(id, status, body);
        failed.map_or(Ok(()), Err)
    }

    /// Reopens the file of the access log, for example after a rotation. On failure the log goes on with the old file.
    pub fn reopen_logs(&self) {
        if let Some(access_log) = &self.snapshot.load().globals.access_log {
            match access_log.reopen() {
                Ok(()) => self.log.info(format_args!("the access log was opened anew")),
                Err(error) => self.log.error(format_args!("the access log stays where it was: {error}")),
            }
        }
    }

    /// Begins to stop and returns at once: no new connections, idle ones close, requests in flight may finish within
    /// `timeout` (default: the configured `shutdown_timeout`). Tunnels and event streams end after the configured
    /// `tunnel_grace`, or just before `timeout` is over if that comes first. A second call with a shorter time shortens
    /// the timeout.
    pub fn begin_stop(&self, timeout: Option<Duration>) {
        let (configured, grace) = {
            let running = self.running.lock();
            (running.shutdown_timeout, running.tunnel_grace)
        };
        self.life.begin_stop(timeout.unwrap_or(configured), grace);
        self.snapshot.load().hold_nobody();
    }

    /// Waits until the server has stopped or `limit` is over. `true` once the server has stopped.
    pub fn wait(&self, limit: Option<Duration>) -> bool {
        self.life.wait(limit)
    }

    /// Whether every thread has ended.
    pub fn is_stopped(&self) -> bool {
        self.life.is_over()
    }

    /// Whether the server stopped with every request in flight finished and none cut off. `true` while the server runs.
    /// Tunnels and event streams that ended in time do not count as requests in flight.
    pub fn is_drained(&self) -> bool {
        self.life.was_clean()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.life.begin_stop(Duration::ZERO, Duration::ZERO);
    }
}

/// Moves the windows of latency on, as long as the server is there.
async fn turn_latency(server: Weak<Server>) {
    loop {
        tokio::time::sleep(latency::TURN).await;
        let Some(server) = server.upgrade() else { return };
        server.latency.turn(server.counters.iter().map(|counters| counters.latency()));
        server.snapshot.load().each_upstream(&mut |upstream| upstream.turn_latency());
    }
}

/// The problem with `max_connections` if it is more than the limit of open files allows.
fn too_many_connections(descriptors: Descriptors, written: &Setting<i64>, settings: &Settings) -> Option<Problem> {
    let message = descriptors.complaint(settings.max_connections)?;
    Some(Problem::warning(written.at.as_ref(), "max_connections", message))
}
