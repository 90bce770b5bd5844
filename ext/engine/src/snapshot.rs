//! The compiled form of one configuration: immutable, shared by the engine threads, and kept by a request until its
//! end.

mod caches;
mod metrics;
mod passing;
mod routes;
mod settings;
mod traffic;
mod written_names;

pub(crate) use passing::PassedOn;
pub(crate) use routes::Routes;
pub(crate) use traffic::WrongShare;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::access_log::AccessLog;
use crate::acme::directive::{Acme, AcmeSurroundings};
use crate::blocks::BlockSet;
use crate::cache::zones::Zones;
use crate::certificates::info::CertificateInfo;
use crate::certificates::managed::ManagedCertificates;
use crate::client::trusted_proxies::TrustedProxies;
use crate::compile::{LocationPath, Purpose};
use crate::compiler::{CapturesAround, CarriedFilters, CarriedOver, Compiler};
use crate::config::{are_sound, BackendConfig, Code, Problem};
use crate::configuration::{Config, Directive};
use crate::control::place::ControlPlace;
use crate::events::{EventHub, EventListeners};
use crate::handler::proxy::Proxy;
use crate::listen::binds::Binds;
use crate::log::Log;
use crate::metrics::MetricsRegistry;
use crate::relay::Rate;
use crate::request::{ClientLimits, Globals};
use crate::rewrite::Redaction;
use crate::routing::{CaptureNames, RouteNames};
use crate::runtime_state::{self, RuntimeState};
use crate::stats::BackendStats;
use crate::tracing::{Exporters, Tracer};
use crate::upstream::{Admin, Backends, Dns, Upstream, UpstreamCarryOver, Upstreams};
use settings::{check, number, time_limit, time_to_stop};
use written_names::written_names;

/// A compiled configuration.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) binds: Binds,
    pub(crate) routes: Routes,
    pub(crate) globals: Globals,
    /// Upstreams with a name.
    upstreams: Vec<Arc<Upstream>>,
    /// The certificates that the proxy gets by itself, the same for all configurations of a server. `None` without
    /// `acme`.
    pub(crate) managed: Option<Arc<ManagedCertificates>>,
    dns: Arc<Dns>,
    /// The Ruby blocks of the configuration.
    pub(crate) blocks: BlockSet,
    listeners: EventListeners,
    /// Where events come together, the same for all configurations of a server.
    pub(crate) events: Arc<EventHub>,
    /// What sends spans, the same for all configurations of a server.
    pub(crate) exporters: Arc<Exporters>,
    /// Certificates that the proxy gets by itself, if the configuration has `acme`.
    pub(crate) acme: Option<Arc<Acme>>,
    /// State for the next configuration.
    carried_over: Arc<CarriedOver>,
}

/// Settings beside the routes, needed once, when the configuration takes effect.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) threads: usize,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) tunnel_grace: Duration,
    pub(crate) max_connections: usize,
    /// File of the state of run time.
    pub(crate) state: Option<PathBuf>,
    pub(crate) log: Arc<Log>,
    /// Where the control API is served.
    pub(crate) control: Vec<ControlPlace>,
}

/// The result of a compilation: the snapshot, the settings, and all problems, warnings included.
pub(crate) struct Compiled {
    pub(crate) snapshot: Snapshot,
    pub(crate) settings: Settings,
    pub(crate) problems: Vec<Problem>,
}

impl Compiled {
    /// Whether a problem keeps the server from starting.
    pub(crate) fn has_errors(&self) -> bool {
        !are_sound(&self.problems)
    }
}

/// Compiles `config`. All mistakes are collected; the first does not stop the compilation.
pub(crate) fn compile(config: &Config, purpose: Purpose) -> Compiled {
    carry_over(None, config, purpose)
}

/// Compiles `config` in place of `before`, and carries over the state of equal parts. Nothing that runs changes before
/// [`Snapshot::start`].
pub(crate) fn carry_over(before: Option<&Snapshot>, config: &Config, purpose: Purpose) -> Compiled {
    let mut problems = Vec::new();
    let dns = Arc::new(Dns::compile(&config.resolver, &mut problems).unwrap_or_else(Dns::system));
    let trusted = TrustedProxies::compile(&config.trusted_proxies, &mut problems);
    let client_body = time_limit("client_body_timeout", &config.client_body_timeout, &mut problems);
    let least = number("min_rate", &config.min_rate, 0..=1_000_000_000, &mut problems) as u64;
    let limits = ClientLimits {
        handshake: time_limit("handshake_timeout", &config.handshake_timeout, &mut problems),
        head: time_limit("client_header_timeout", &config.client_header_timeout, &mut problems),
        client_body,
        rate: Rate { least, most: client_body },
        half_close: config.half_close_timeout.value.and_then(|seconds| {
            check("half_close_timeout", &config.half_close_timeout, &mut problems).seconds_or_false(seconds)
        }),
        keepalive: time_limit("keepalive_timeout", &config.keepalive_timeout, &mut problems),
        max_head: number("max_header_size", &config.max_header_size, 1024..=16 * 1024 * 1024, &mut problems),
    };
    let threads = match &config.threads {
        Some(threads) => number("threads", threads, 1..=1024, &mut problems),
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let settings = Settings {
        threads,
        shutdown_timeout: time_to_stop("shutdown_timeout", &config.shutdown_timeout, &mut problems),
        tunnel_grace: time_to_stop("tunnel_grace", &config.tunnel_grace, &mut problems),
        max_connections: number("max_connections", &config.max_connections, 1..=10_000_000, &mut problems),
        state: runtime_state::file::compile(config.state.as_ref(), &mut problems),
        log: Log::compile(&config.log_level, &mut problems),
        control: metrics::with_place(config, ControlPlace::compile(&config.control, &mut problems), &mut problems),
    };
    let carried_before = before.map(|before| &*before.carried_over);
    let metrics = metrics::registry(carried_before, config, threads, &mut problems);
    let carried_acme = before.map(|before| before.carried_over.acme.clone()).unwrap_or_default();
    let managed = config.acme.is_some().then(|| Arc::clone(&carried_acme.certificates));
    let binds = if config.adopts {
        Binds::default()
    } else {
        Binds::compile(&config.binds, &config.trusted_proxies, managed.as_ref(), (purpose, &metrics), &mut problems)
    };
    let tap = before.map(|before| Arc::clone(&before.globals.tap)).unwrap_or_default();
    let stops = before.map(|before| Arc::clone(&before.carried_over.stops)).unwrap_or_default();
    let log_before = before.and_then(|before| before.globals.access_log.as_deref());
    let access_log = config.access_log.as_ref().and_then(|log| {
        AccessLog::carry_over(log_before, log, &config.blocks, (purpose, &metrics.lost_lines), &mut problems)
    });
    let tracer_before = before.and_then(|before| before.globals.tracing.as_ref());
    let before = before.map(|before| Arc::clone(&before.carried_over));
    let carried = before.as_ref().map(|before| Arc::clone(&before.upstreams));
    let carry_over = UpstreamCarryOver::new(carried, &config.resolver.value, &config.blocks, &metrics);
    let upstreams = Upstreams::compile(carry_over, &config.upstreams, &mut problems);
    let zones = caches::written(&config.routes);
    let zones = Zones::compile(before.as_deref().map(|before| &before.zones), zones, purpose, &mut problems);
    let mut filters = CarriedFilters::carry_over(before.as_deref().map(|before| &before.filters));
    let exporters = filters.single();
    let tracing = config.tracing.as_ref();
    let tracing = tracing.and_then(|tracing| Tracer::carry_over(tracer_before, tracing, &exporters, &mut problems));
    let mut compiler = Compiler {
        problems,
        limits,
        keeps_lines: access_log.is_some(),
        names: CaptureNames::default(),
        routes: RouteNames::default(),
        secrets: Vec::new(),
        captures: CapturesAround::default(),
        upstreams,
        zones,
        blocks: config.blocks.clone(),
        place: LocationPath::default(),
        shows_metrics: false,
        before,
        carried_over: CarriedOver {
            filters,
            acme: carried_acme,
            metrics,
            stops: Arc::clone(&stops),
            ..CarriedOver::default()
        },
    };
    let routes = compiler.scope(&config.routes, &Routes::default());
    let Compiler { mut problems, keeps_lines, names, routes: route_names, secrets, shows_metrics, .. } = compiler;
    let (mut upstreams, mut carried_over) = (compiler.upstreams, compiler.carried_over);
    carried_over.zones = compiler.zones;
    carried_over.upstreams = Arc::new(upstreams.take_carried());
    let upstreams = upstreams.finish(&mut problems);
    let (capture_names, route_names) = (names.into_list(), route_names.into_list());
    let asked = config.metrics.is_some() || shows_metrics || !config.control.is_empty();
    let metrics = asked.then(|| metrics::of_requests(config, &route_names, &carried_over.metrics, &mut problems));
    let acme = config.acme.as_ref().and_then(|acme| {
        let names = written_names(&config.routes);
        let (certificates, blocks) = (&carried_over.acme.certificates, &config.blocks);
        let around = AcmeSurroundings { names: &names, binds: &binds, dns: &dns, blocks, certificates };
        Acme::compile(acme, &around, &mut problems).map(Arc::new)
    });
    let lets_pass = |route: &Directive| matches!(route, Directive::Filter(filter) if !filter.answers());
    if config.routes.iter().all(lets_pass) {
        let message = "nothing is proxied: write proxy to: \"http://…\", or a location with one";
        problems.push(Problem::warning_of(Code::Empty, None, "configuration", message));
    }
    let listeners = EventListeners::compile(&config.events, &config.blocks, &mut problems);
    problems.sort_by(|a, b| a.at.cmp(&b.at));
    let events = carried_over.filters.single();
    let carried_over = Arc::new(carried_over);
    let redact = config.access_log.as_ref().and_then(|log| log.redact.as_deref());
    let redaction = Redaction::new(redact, &secrets);
    let globals = Globals {
        limits,
        trusted,
        access_log,
        redaction,
        tap,
        keeps_lines,
        metrics,
        tracing,
        capture_names,
        route_names,
        stops,
    };
    let snapshot = Snapshot {
        binds,
        routes,
        globals,
        upstreams,
        managed,
        dns,
        blocks: config.blocks.clone(),
        listeners,
        events,
        exporters,
        acme,
        carried_over,
    };
    Compiled { snapshot, settings, problems }
}

/// Why a list of backends was not taken.
pub(crate) enum WrongList {
    /// No upstream has the name; these are there.
    Unknown(Vec<String>),
    /// All mistakes in the list.
    Mistakes(Vec<String>),
}

impl Snapshot {
    /// Starts the background tasks: DNS names are resolved and refreshed, backends are checked.
    pub(crate) fn start(&self, runtime: &tokio::runtime::Handle, log: &Arc<Log>) {
        self.each_upstream(&mut |upstream| upstream.group().report_to(&self.events));
        for upstream in &self.upstreams {
            upstream.start(&self.dns, runtime, log);
        }
        self.each_proxy(&mut |proxy| proxy.backends().start(&self.dns, runtime, log));
        self.routes.each_filter(&mut |filter| filter.start(&self.dns, runtime, log));
        self.carried_over.zones.start(log);
        self.events.listen(&self.listeners, self.binds.certificates(), runtime, log);
        if let Some(tracing) = &self.globals.tracing {
            tracing.exporter().start(runtime, log);
        }
        self.carried_over.acme.start(self.acme.as_ref(), &self.events, runtime, log);
    }

    /// Adds to what storage says of managed certificates what is wrong with storage itself.
    pub(crate) fn add_troubles(&self, certificates: &mut [CertificateInfo]) {
        self.carried_over.acme.keeper.add_troubles(certificates);
    }

    /// Ends the background tasks that the next configuration replaces by its own.
    pub(crate) fn retire(&self, next: &Self) {
        self.carried_over.upstreams.retire(&next.carried_over.upstreams);
    }

    /// Sets the administrative state of a backend (`UPSTREAM/BACKEND`) or of a whole upstream. The error lists the
    /// existing names.
    pub(crate) fn set_admin(&self, target: &str, admin: Admin) -> Result<(), Vec<String>> {
        let (mut found, mut names) = (false, Vec::new());
        self.each_upstream(&mut |upstream| {
            found |= upstream.group().set_admin(target, admin);
            names.extend(upstream.group().names());
        });
        if found {
            return Ok(());
        }
        names.sort();
        names.dedup();
        Err(names)
    }

    /// Replaces the backends of the upstream with this name. Those whose backend a request names are left out.
    pub(crate) fn list_backends(&self, name: &str, backends: &[BackendConfig]) -> Result<(), WrongList> {
        self.steerable(name).map_err(WrongList::Unknown)?.list(backends).map_err(WrongList::Mistakes)
    }

    /// The upstream with this name, or the names that there are. Those whose backend a request names are left out.
    pub(crate) fn steerable(&self, name: &str) -> Result<Arc<Upstream>, Vec<String>> {
        let (mut found, mut names) = (None, Vec::new());
        self.each_steerable(&mut |upstream| {
            names.push(upstream.name().to_owned());
            if upstream.name() == name && found.is_none() {
                found = Some(Arc::clone(upstream));
            }
        });
        found.ok_or(names)
    }

    /// Calls `visit` with every upstream whose backends can be changed by its name.
    pub(crate) fn each_steerable(&self, visit: &mut dyn FnMut(&Arc<Upstream>)) {
        self.upstreams.iter().for_each(&mut *visit);
        self.each_proxy(&mut |proxy| match proxy.backends() {
            Backends::Fixed(upstream) if !upstream.is_shared() => visit(upstream),
            Backends::Fixed(_) | Backends::ByHost(_) => {}
        });
    }

    /// What was changed at run time and is to outlive the process.
    pub(crate) fn runtime_state(&self) -> RuntimeState {
        let mut state = RuntimeState { traffic: self.traffic(), ..RuntimeState::default() };
        self.each_steerable(&mut |upstream| {
            let changed = upstream.runtime_state();
            if !changed.is_empty() {
                state.upstreams.insert(upstream.name().to_owned(), changed);
            }
        });
        state
    }

    /// Takes what another process has left, before anything is served. What is lost is logged.
    pub(crate) fn take_runtime_state(&self, mut state: RuntimeState, log: &Log) {
        self.each_steerable(&mut |upstream| {
            let Some(changed) = state.upstreams.remove(upstream.name()) else { return };
            for lost in upstream.take_runtime_state(&changed) {
                log.warn(format_args!("state: upstream {}: {lost}", upstream.name()));
            }
        });
        for lost in self.take_traffic(&state.traffic) {
            log.warn(format_args!("state: {lost}"));
        }
        for name in state.upstreams.keys() {
            log.warn(format_args!("state: upstream {name:?} is gone, and its changes with it"));
        }
    }

    /// How names are resolved.
    pub(crate) fn dns(&self) -> &Arc<Dns> {
        &self.dns
    }

    /// Number of requests that wait for a free place at a backend.
    pub(crate) fn waiting(&self) -> usize {
        let mut waiting = 0;
        self.each_upstream(&mut |upstream| waiting += upstream.group().waiting());
        waiting
    }

    fn each_proxy(&self, visit: &mut dyn FnMut(&Proxy)) {
        self.routes.each_handler(&mut |handler| {
            if let Some(proxy) = handler.proxy() {
                visit(proxy);
            }
        });
    }

    /// All figures by name.
    pub(crate) fn metrics(&self) -> &Arc<MetricsRegistry> {
        &self.carried_over.metrics
    }

    /// Calls `visit` once with every upstream: named ones first.
    pub(crate) fn each_upstream(&self, visit: &mut dyn FnMut(&Arc<Upstream>)) {
        for upstream in self.upstreams.iter() {
            visit(upstream);
        }
        self.each_proxy(&mut |proxy| {
            if !proxy.backends().is_shared() {
                proxy.backends().each_upstream(visit);
            }
        });
    }

    /// The figures of every backend: those of named upstreams first.
    pub(crate) fn backend_stats(&self) -> Vec<BackendStats> {
        let mut all: Vec<_> = self.upstreams.iter().flat_map(|upstream| upstream.stats()).collect();
        self.each_proxy(&mut |proxy| {
            if !proxy.backends().is_shared() {
                all.extend(proxy.backends().stats());
            }
        });
        all
    }
}
