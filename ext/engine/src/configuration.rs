//! A whole configuration as a person wrote it, before any of it is checked: settings of the server, and the tree of its
//! locations, filters and handlers. [`crate::snapshot`] compiles it into what the engine runs.

pub use crate::config::*;
pub use crate::filter::written::*;
pub use crate::filter::FilterConfig;
pub use crate::handler::written::*;

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

use crate::blocks::BlockSet;
use crate::compile::Word;
use crate::compiler::Compiler;
use crate::handler::{handlers, Handler, Handling};
use crate::listening_socket::{HandedOver, ListeningSocket};
use crate::passed_state::PassedState;

/// One server: where it listens, how it behaves, and what it does with a request.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Listening addresses. Empty means [`BindConfig::DEFAULT`](crate::config::BindConfig::DEFAULT).
    pub binds: Vec<BindConfig>,
    /// Whether the server listens nowhere, whatever `binds` says: connections are only handed to it
    /// ([`Server::adopt`](crate::Server::adopt)). Default: it listens.
    pub adopts: bool,
    /// Engine threads. Default: the number of processors.
    pub threads: Option<Setting<i64>>,
    /// Trusted proxies: addresses and networks whose forwarding fields are believed; `unix:` for all that connect over
    /// a unix socket. Default: none.
    pub trusted_proxies: TrustedProxiesConfig,
    /// DNS servers as `ADDRESS` or `ADDRESS:PORT`. Empty: the system's own configuration.
    pub resolver: Setting<Vec<String>>,
    /// Seconds that requests in flight get to finish when the server stops. Default 30.
    pub shutdown_timeout: Setting<f64>,
    /// Part of `shutdown_timeout`, in seconds, that tunnels and event streams get, since they need not end by
    /// themselves. Default 5.
    pub tunnel_grace: Setting<f64>,
    /// Seconds within which a TLS handshake must be complete, and likewise a header of the PROXY protocol. Default 10.
    pub handshake_timeout: Setting<f64>,
    /// Seconds within which a request head must be complete. Default 30.
    pub client_header_timeout: Setting<f64>,
    /// Longest pause, in seconds, between two pieces of a body that a client sends or takes. Default 60.
    pub client_body_timeout: Setting<f64>,
    /// Seconds that the proxy waits before it takes a half-close for a lost client: one that has ended its side while
    /// no response has begun. `None`: no limit. Default 1.
    pub half_close_timeout: Setting<Option<f64>>,
    /// Minimum rate, in bytes a second, at which a client sends or takes a body, after the first 10 seconds; 0: no
    /// minimum. Time spent waiting for a backend does not count. Tunnels, gRPC and event streams are exempt. Default
    /// 240.
    pub min_rate: Setting<i64>,
    /// Seconds after which an idle client connection is closed. Default 75.
    pub keepalive_timeout: Setting<f64>,
    /// Client connections served at once. Beyond it the connections that have been idle longest are closed to make
    /// room; only then do new ones wait. Default 10 000.
    pub max_connections: Setting<i64>,
    /// Largest request head in bytes, start line and fields together. Default 65 536.
    pub max_header_size: Setting<i64>,
    /// Least important level that is logged: `error`, `warn`, `info` or `debug`. Default `info`.
    pub log_level: Setting<String>,
    /// Where and how served requests are logged. Default: no access log.
    pub access_log: Option<AccessLogConfig>,
    /// File that keeps changes of run time over a restart. Default: none.
    pub state: Option<Setting<String>>,
    /// Who may ask for metrics, and which are counted. Default: nobody asks.
    pub metrics: Option<MetricsConfig>,
    /// Sets of backends. The host of a `to` can name one.
    pub upstreams: Vec<UpstreamConfig>,
    /// Filters, handlers and locations in the order of the file.
    pub routes: Vec<Directive>,
    /// Blocks that hear of events.
    pub events: Vec<EventsConfig>,
    /// Certificates that the proxy gets by itself. Default: none.
    pub acme: Option<AcmeConfig>,
    /// Where the control API is served. Default: nowhere.
    pub control: Vec<ControlConfig>,
    /// Where traces of requests go. Default: none are recorded.
    pub tracing: Option<TracingConfig>,
    /// The Ruby blocks that the others refer to by their place.
    #[serde(skip)]
    pub blocks: BlockSet,
    /// Sockets of the process before where it has served the control API.
    #[serde(skip)]
    pub passed_control: Vec<ListeningSocket>,
    /// What the process before has told, if this one takes its place.
    #[serde(skip)]
    pub passed: Option<PassedState>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            binds: Vec::new(),
            adopts: false,
            threads: None,
            trusted_proxies: TrustedProxiesConfig::default(),
            resolver: Setting::of(Vec::new()),
            shutdown_timeout: Setting::of(30.0),
            tunnel_grace: Setting::of(5.0),
            handshake_timeout: Setting::of(10.0),
            client_header_timeout: Setting::of(30.0),
            client_body_timeout: Setting::of(60.0),
            half_close_timeout: Setting::of(Some(1.0)),
            min_rate: Setting::of(240),
            keepalive_timeout: Setting::of(75.0),
            max_connections: Setting::of(10_000),
            max_header_size: Setting::of(65_536),
            log_level: Setting::of("info".into()),
            access_log: None,
            state: None,
            metrics: None,
            upstreams: Vec::new(),
            routes: Vec::new(),
            events: Vec::new(),
            acme: None,
            control: Vec::new(),
            tracing: None,
            blocks: BlockSet::default(),
            passed_control: Vec::new(),
            passed: None,
        }
    }
}

impl Config {
    /// The socket that the program hands over for the bind of that number.
    pub(crate) fn handed_over(&self, number: usize) -> Option<&HandedOver> {
        self.binds.get(number).and_then(|bind| bind.handed_over.as_ref())
    }
}

/// The parts of a handler's directive that all handlers have in common.
pub(crate) struct HandlerLine<'a> {
    pub(crate) word: &'static str,
    pub(crate) at: Option<&'a At>,
    /// Path prefix: a request must have this path or one below it. `None`: any path.
    pub(crate) prefix: Option<&'a str>,
    /// Whether the handler may leave a request to the next one, although it accepts its path.
    pub(crate) declines: bool,
}

macro_rules! directives {
    ($($(#[doc = $doc:literal])+ $word:ident: $Handler:ident($Config:ty),)+) => {
        /// One line of a scope.
        #[derive(Debug, Clone, Deserialize, Serialize)]
        #[serde(rename_all = "snake_case")]
        #[allow(clippy::large_enum_variant, reason = "it is read once, at load")]
        pub enum Directive {
            $($(#[doc = $doc])+ $Handler($Config),)+
            /// `location "/prefix/*" do … end`
            Location(Box<LocationConfig<Directive>>),
            /// A word such as `request_headers`.
            Filter(FilterConfig),
        }

        impl Directive {
            /// Compiles a handler. `None` if it has a mistake, or if the directive is not a handler.
            pub(crate) fn compile(&self, compiler: &mut Compiler) -> Option<Handler> {
                match self {
                    $(Self::$Handler(config) => $Handler::compile(config, compiler).map(Handler::$Handler),)+
                    Self::Filter(_) | Self::Location(_) => None,
                }
            }

            /// The common parts of the directive if it is a handler.
            pub(crate) fn handler(&self) -> Option<HandlerLine<'_>> {
                match self {
                    $(Self::$Handler(config) => Some(HandlerLine {
                        word: $Handler::WORD,
                        at: config.at.as_ref(),
                        prefix: $Handler::prefix(config),
                        declines: $Handler::DECLINES,
                    }),)+
                    Self::Filter(_) | Self::Location(_) => None,
                }
            }
        }

        /// Defaults of the engine for every option, by directive.
        #[derive(Debug)]
        pub struct Defaults;

        impl Serialize for Defaults {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let handlers = [$($Handler::WORD),+].len();
                let mut out = serializer.serialize_struct("Defaults", 18 + handlers + FilterConfig::COUNT)?;
                out.serialize_field("server", &Config::default())?;
                out.serialize_field("bind", &BindConfig::default())?;
                out.serialize_field("certificate", &Certificate::default())?;
                out.serialize_field("location", &LocationConfig::<Directive>::default())?;
                out.serialize_field("pool", &PoolConfig::default())?;
                out.serialize_field("backend", &BackendConfig::at(""))?;
                out.serialize_field("health_check", &HealthCheck::default())?;
                out.serialize_field("error_response", &CustomError::default())?;
                out.serialize_field("body_file", &BodyFileConfig::default())?;
                out.serialize_field("cache_disk", &CacheDiskConfig::default())?;
                out.serialize_field("on", &EventsConfig::default())?;
                out.serialize_field("acme", &AcmeConfig::default())?;
                out.serialize_field("control", &ControlConfig::default())?;
                out.serialize_field("tracing", &TracingConfig::default())?;
                out.serialize_field("on_demand_limits", &OnDemandLimits::default())?;
                out.serialize_field("compression_levels", &CompressionLevels::default())?;
                out.serialize_field("access_log", &AccessLogConfig::default())?;
                out.serialize_field("access_log_keep", &KeepConfig::default())?;
                $(out.serialize_field($Handler::WORD, &<$Config>::default())?;)+
                FilterConfig::serialize_defaults(&mut out)?;
                out.end()
            }
        }
    };
}

handlers!(directives);
