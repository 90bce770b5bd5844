//! What one configuration compiles to: immutable, shared by the engine threads, and kept by a request to its end.

mod lasting;

pub(crate) use lasting::{Lasting, Place};

use std::sync::Arc;
use std::time::Duration;

use crate::access_log::AccessLog;
use crate::config::{Config, Directive, Problem, Setting, Severity};
use crate::downstream::binds::Binds;
use crate::handler::proxy::Proxy;
use crate::handler::redirect::Redirect;
use crate::handler::static_response::StaticResponse;
use crate::handler::Handler;
use crate::identity::TrustedProxies;
use crate::log::Log;
use crate::routing::{CaptureNames, Scope};
use crate::server::BackendStats;
use crate::upstream::exchange::Rate;
use crate::upstream::{Admin, Dns, Past, Upstream, Upstreams};

/// A compiled configuration.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) binds: Binds,
    pub(crate) routes: Scope,
    /// The names of all captures.
    pub(crate) capture_names: Box<[Box<str>]>,
    /// Those that have a name.
    upstreams: Vec<Arc<Upstream>>,
    pub(crate) limits: ClientLimits,
    pub(crate) trusted: TrustedProxies,
    pub(crate) access_log: Option<Arc<AccessLog>>,
    /// Whether a log will ask what the client sent, once the request has been answered.
    pub(crate) keeps_lines: bool,
    dns: Arc<Dns>,
    /// What the next configuration may take over.
    lasting: Arc<Lasting>,
}

/// What clients are held to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClientLimits {
    /// For a TLS handshake, or a header of the PROXY protocol, to be complete.
    pub(crate) handshake: Duration,
    /// For a request head to be complete.
    pub(crate) head: Duration,
    /// Between two pieces of a body that the client sends or takes.
    pub(crate) client_body: Duration,
    /// For a client that has ended its side, until its answer begins. `None`: any time.
    pub(crate) half_close: Option<Duration>,
    /// At which bodies move at least.
    pub(crate) rate: Rate,
    /// For an idle connection.
    pub(crate) keepalive: Duration,
    /// Largest head.
    pub(crate) max_head: usize,
}

/// What a configuration says beyond its routes, needed once, at the start.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) threads: usize,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) tunnel_grace: Duration,
    pub(crate) max_connections: usize,
    pub(crate) log: Arc<Log>,
}

/// Compiles a configuration and collects what is wrong with it.
pub(crate) struct Compiler {
    pub(crate) problems: Vec<Problem>,
    pub(crate) limits: ClientLimits,
    /// Whether a filter will ask what the client sent, once the request has been answered.
    pub(crate) keeps_lines: bool,
    /// The names of all captures so far.
    pub(crate) names: CaptureNames,
    /// Those of the locations around what is being compiled.
    pub(crate) captures: CapturesAround,
    pub(crate) upstreams: Upstreams,
    /// The locations around it.
    pub(crate) place: Place,
    /// What lasts of the configuration before.
    pub(crate) before: Option<Arc<Lasting>>,
    /// What will last of this one.
    pub(crate) lasting: Lasting,
}

/// Names that the locations around a place capture: string rewrites there can refer to them.
#[derive(Debug, Default)]
pub(crate) struct CapturesAround(Vec<Box<str>>);

impl CapturesAround {
    /// Every name.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.0.iter().map(|name| &**name).collect()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds those of a location that is entered.
    pub(crate) fn extend(&mut self, names: impl Iterator<Item = Box<str>>) {
        self.0.extend(names);
    }

    /// Keeps the first `len`: a location is left.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }
}

/// The whole result: what runs, and every problem, warnings included.
pub(crate) struct Compiled {
    pub(crate) snapshot: Snapshot,
    pub(crate) settings: Settings,
    pub(crate) problems: Vec<Problem>,
}

impl Compiled {
    /// Whether something keeps the server from starting.
    pub(crate) fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }
}

/// Longest time limit that is taken as it is written: ten years. Anything longer means the same.
const LONGEST: f64 = 315_360_000.0;

/// A number of seconds; `None` if it is negative or no number.
pub(crate) fn seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds.min(LONGEST)).ok().filter(|_| !seconds.is_nan())
}

/// What a configuration is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To say what is wrong with it.
    Check,
    /// To serve with it.
    Start,
}

/// Compiles `config`. Mistakes are collected, not stopped at.
pub(crate) fn compile(config: &Config, purpose: Purpose) -> Compiled {
    compile_after(None, config, purpose)
}

/// The same for a configuration that takes the place of `before`, of which it takes over what is the same in both. Nothing that
/// is at work changes before [`Snapshot::start`].
pub(crate) fn compile_after(before: Option<&Snapshot>, config: &Config, purpose: Purpose) -> Compiled {
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
        half_close: half_close_timeout(&config.half_close_timeout, &mut problems),
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
        log: Log::compile(&config.log_level, &mut problems),
    };
    let binds = Binds::compile(config, purpose, &mut problems);
    let log_before = before.and_then(|before| before.access_log.as_deref());
    let access_log =
        config.access_log.as_ref().and_then(|log| AccessLog::after(log_before, log, purpose, &mut problems));
    let before = before.map(|before| Arc::clone(&before.lasting));
    let past = Past::new(before.clone(), &config.resolver.value);
    let upstreams = Upstreams::after(past, &config.upstreams, &mut problems);
    let verifications = before.as_ref().map(|before| Arc::clone(&before.verifications)).unwrap_or_default();
    let mut compiler = Compiler {
        problems,
        limits,
        keeps_lines: access_log.is_some(),
        names: CaptureNames::default(),
        captures: CapturesAround::default(),
        upstreams,
        place: Place::default(),
        before,
        lasting: Lasting { verifications, ..Lasting::default() },
    };
    let routes = compiler.scope(&config.routes, &Scope::default());
    let Compiler { mut problems, keeps_lines, names, mut upstreams, mut lasting, .. } = compiler;
    lasting.upstreams = upstreams.take_made();
    let upstreams = upstreams.finish(&mut problems);
    let capture_names = names.into_list();
    let lets_pass = |route: &Directive| matches!(route, Directive::Filter(filter) if !filter.answers());
    if config.routes.iter().all(lets_pass) {
        let message = "nothing is proxied: write proxy to: \"http://…\", or a location with one";
        problems.push(Problem::warning(None, "configuration", message));
    }
    problems.sort_by(|a, b| a.at.cmp(&b.at));
    let lasting = Arc::new(lasting);
    let snapshot =
        Snapshot { binds, routes, capture_names, upstreams, limits, trusted, access_log, keeps_lines, dns, lasting };
    Compiled { snapshot, settings, problems }
}

impl Compiler {
    /// How many errors there are so far.
    pub(crate) fn error_count(&self) -> usize {
        self.problems.iter().filter(|problem| problem.severity == Severity::Error).count()
    }

    /// A handler, unless it is wrong or the directive is none.
    pub(crate) fn handler(&mut self, directive: &Directive) -> Option<Handler> {
        match directive {
            Directive::Proxy(spec) => Proxy::compile(spec, self).map(|proxy| Handler::Proxy(Box::new(proxy))),
            Directive::StaticResponse(spec) => {
                let captures = self.captures.names();
                Some(Handler::StaticResponse(StaticResponse::compile(spec, &captures, &mut self.problems)))
            }
            Directive::Redirect(spec) => Redirect::compile(spec, self).map(Handler::Redirect),
            Directive::Filter(_) | Directive::Location(_) => None,
        }
    }
}

impl Snapshot {
    /// Starts what goes on in the background: names are resolved and looked up again, backends are checked.
    pub(crate) fn start(&self, runtime: &tokio::runtime::Handle, log: &Arc<Log>) {
        for upstream in &self.upstreams {
            upstream.start(&self.dns, runtime, log);
        }
        self.routes.each_proxy(&mut |proxy| proxy.backends().start(&self.dns, runtime, log));
        self.routes.each_filter(&mut |filter| filter.start(&self.dns, runtime, log));
    }

    /// Ends what went on in the background and goes on in another way under the configuration that takes this one's place.
    pub(crate) fn retire(&self, next: &Self) {
        self.lasting.upstreams.retire(&next.lasting.upstreams);
    }

    /// Does what somebody wants of a backend, `UPSTREAM/BACKEND`, or of a whole upstream. An error has the names that there are.
    pub(crate) fn set_admin(&self, target: &str, admin: Admin) -> Result<(), Vec<String>> {
        let (mut found, mut names) = (false, Vec::new());
        self.each_upstream(&mut |upstream| {
            found |= upstream.fleet().set_admin(target, admin);
            names.extend(upstream.fleet().names());
        });
        if found {
            return Ok(());
        }
        names.sort();
        names.dedup();
        Err(names)
    }

    /// Requests that wait for a backend which is not busy.
    pub(crate) fn waiting(&self) -> usize {
        let mut waiting = 0;
        self.each_upstream(&mut |upstream| waiting += upstream.fleet().waiting());
        waiting
    }

    /// Calls `visit` with every upstream once: those that have a name, then the others.
    pub(crate) fn each_upstream(&self, visit: &mut dyn FnMut(&Upstream)) {
        for upstream in self.upstreams.iter() {
            visit(upstream);
        }
        self.routes.each_proxy(&mut |proxy| {
            if !proxy.backends().is_shared() {
                proxy.backends().each_upstream(visit);
            }
        });
    }

    /// The figures of every backend: those of upstreams that have a name, then the others.
    pub(crate) fn backend_stats(&self) -> Vec<BackendStats> {
        let mut all: Vec<_> = self.upstreams.iter().flat_map(|upstream| upstream.stats()).collect();
        self.routes.each_proxy(&mut |proxy| {
            if !proxy.backends().is_shared() {
                all.extend(proxy.backends().stats());
            }
        });
        all
    }
}

fn time_limit(directive: &str, setting: &Setting<f64>, problems: &mut Vec<Problem>) -> Duration {
    match seconds(setting.value) {
        Some(duration) if !duration.is_zero() => duration,
        _ => {
            let message =
                format!("{} is not a valid time limit: write seconds greater than 0, as in 30 or 0.5", setting.value);
            problems.push(Problem::error(setting.at.as_ref(), directive, message));
            Duration::from_secs(1)
        }
    }
}

/// It may be 0, at once, or none at all.
fn half_close_timeout(setting: &Setting<Option<f64>>, problems: &mut Vec<Problem>) -> Option<Duration> {
    let written = setting.value?;
    let limit = seconds(written);
    if limit.is_none() {
        let message = format!("{written} is not a valid time limit: write seconds, 0 or more, or false for none");
        problems.push(Problem::error(setting.at.as_ref(), "half_close_timeout", message));
    }
    limit
}

/// It may be 0: stop at once.
fn time_to_stop(directive: &str, setting: &Setting<f64>, problems: &mut Vec<Problem>) -> Duration {
    seconds(setting.value).unwrap_or_else(|| {
        let message = format!("{} is not a valid time limit: write seconds, 0 or more", setting.value);
        problems.push(Problem::error(setting.at.as_ref(), directive, message));
        Duration::ZERO
    })
}

fn number(
    directive: &str,
    setting: &Setting<i64>,
    range: std::ops::RangeInclusive<i64>,
    problems: &mut Vec<Problem>,
) -> usize {
    if !range.contains(&setting.value) {
        let (least, most) = (range.start(), range.end());
        let message = format!("{} is out of range: write a number from {least} to {most}", setting.value);
        problems.push(Problem::error(setting.at.as_ref(), directive, message));
    }
    setting.value.clamp(*range.start(), *range.end()) as usize
}
