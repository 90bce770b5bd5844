//! `run`: answers with a Rack application in this process.
//!
//! The application is a backend like any other: see [`crate::application`]. This handler is a `proxy` with that one
//! backend.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::proxy::{ForwardedHeaders, Proxy};
use super::written::ProxyConfig;
use super::Handling;
use crate::compile::{Report, Word};
use crate::compiler::Compiler;
use crate::config::{At, BackendConfig, PoolConfig};
use crate::request::{BodyLimit, Exchange, Verdict};

/// Seconds in place of no time limit.
const UNLIMITED: f64 = 365.0 * 86_400.0;

/// `run MyApp, threads: 5, queue: 100, queue_timeout: 5, path_prefix: "/admin"`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunConfig {
    /// Id of the application's [`Inbox`](crate::Inbox). 0 in a configuration that is only checked.
    #[serde(skip_serializing)]
    pub inbox: u64,
    /// Name of the application, for logs and figures.
    #[serde(skip_serializing)]
    pub name: String,
    /// Requests that the application works on at once.
    pub threads: i64,
    /// Requests that wait while every thread is busy. Others are answered 503 at once.
    pub queue: i64,
    /// Seconds that a request may wait in the queue.
    pub queue_timeout: f64,
    /// Seconds until the head of the response, and longest pause in its body. `None`: no limit.
    pub timeout: Option<f64>,
    /// Path prefix: only this path and paths below it are the application's. It gets the prefix as `SCRIPT_NAME`.
    pub path_prefix: Option<String>,
    /// Longest body of a request in bytes, which overrides a `max_body` around it. Default: that `max_body`.
    pub max_body: Option<i64>,
    /// WebSockets and other tunnels that are open at once. `None`: any number.
    pub max_tunnels: Option<i64>,
    /// Folders whose files the application may name in place of a body, as with `proxy`.
    pub x_sendfile: Vec<(Option<String>, String)>,
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            inbox: 0,
            name: String::new(),
            threads: 5,
            queue: 100,
            queue_timeout: 5.0,
            timeout: None,
            path_prefix: None,
            max_body: None,
            max_tunnels: None,
            x_sendfile: Vec::new(),
            at: None,
        }
    }
}

/// A Rack application, compiled.
#[derive(Debug)]
pub(crate) struct Run(Proxy);

impl Run {
    /// The `proxy` that it is.
    pub(super) fn proxy(&self) -> &Proxy {
        &self.0
    }
}

impl Handling for Run {
    type Config = RunConfig;

    const FORWARDS: bool = true;

    fn compile(config: &RunConfig, compiler: &mut Compiler) -> Option<Self> {
        let mut report = Report::new(Self::WORD, config.at.as_ref(), &mut compiler.problems);
        let threads = report.within("threads").count(config.threads, 1..=1024);
        let timeout = config.timeout.unwrap_or(UNLIMITED);
        let application = BackendConfig { application: Some(config.inbox), ..BackendConfig::at(config.name.as_str()) };
        let pool = PoolConfig {
            backends: Some(vec![application]),
            max_connections: Some(threads),
            max_tunnels: config.max_tunnels,
            queue: config.queue,
            queue_timeout: config.queue_timeout,
            keepalive: 0,
            ..PoolConfig::default()
        };
        let proxy = ProxyConfig {
            pool: Some(pool),
            preserve_host: true,
            timeout,
            read_timeout: Some(timeout),
            // A thread may do other things before it reads a body.
            write_timeout: timeout,
            // A request that has been given to a thread is not given to another one.
            retries: Some(0),
            retry_buffer: 0,
            path_prefix: config.path_prefix.clone(),
            forwarded_headers: ForwardedHeaders::Switch(true),
            // A slow client holds no thread.
            gather_body: true,
            max_body: config.max_body,
            x_sendfile: config.x_sendfile.clone(),
            at: config.at.clone(),
            ..ProxyConfig::default()
        };
        Proxy::compile_as(Self::WORD, &proxy, compiler).map(Self)
    }

    fn prefix(config: &RunConfig) -> Option<&str> {
        config.path_prefix.as_deref()
    }

    fn accepts(&self, path: &[u8]) -> bool {
        self.0.accepts(path)
    }

    fn body_limit(&self) -> Option<&Arc<BodyLimit>> {
        self.0.body_limit()
    }

    async fn serve(&self, exchange: &mut Exchange<'_>) -> Verdict {
        self.0.serve(exchange).await
    }
}
