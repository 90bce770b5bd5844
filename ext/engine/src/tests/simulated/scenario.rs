//! The configurations of a run: the upstreams that there are, and options that a seed decides, anew at each reload.

use std::net::SocketAddr;

use super::Dice;
use crate::configuration::{
    self, BackendConfig, BufferingConfig, Config, Directive, HeaderEdit, HeaderValue, HealthCheck, LocationConfig,
    PoolConfig, Priority, Setting, UpstreamConfig,
};

/// The field in which the proxy tells a backend how it is connected to: two generations share no connection.
pub(super) const GENERATION: &str = "X-Generation";

/// What a run has to do with, and the dice that decide about its configurations.
pub(super) struct Scenario {
    pub(super) upstreams: Vec<Group>,
    /// Hosts that requests may name themselves.
    pub(super) hosts: Vec<SocketAddr>,
    dice: Dice,
}

/// An upstream.
pub(super) struct Group {
    pub(super) name: String,
    pub(super) addresses: Vec<SocketAddr>,
    /// Whether its backends are told whose each connection is.
    pub(super) introduces: bool,
    /// Whether it is spoken to in HTTP/2.
    pub(super) http2: bool,
    generation: usize,
}

impl Scenario {
    pub(super) fn new(mut dice: Dice) -> Self {
        let address = |group: usize, number: usize| SocketAddr::from(([10, 0, group as u8, number as u8], 80));
        let mut group = |group: usize| {
            let mut addresses: Vec<_> = (1..=dice.usize(1..=3)).map(|number| address(group, number)).collect();
            let http2 = dice.u8(0..4) == 0;
            // One server that is a backend of several upstreams.
            if dice.u8(0..3) == 0 && !http2 {
                addresses.push(address(99, 1));
            }
            let introduces = dice.u8(0..3) == 0 && !http2;
            Group { name: format!("u{group}"), addresses, introduces, http2, generation: 0 }
        };
        let upstreams = (0..3).map(&mut group).collect();
        Self { upstreams, hosts: (1..=2).map(|number| address(88, number)).collect(), dice }
    }

    /// The next configuration.
    pub(super) fn config(&mut self) -> Config {
        let mut config = Config {
            client_header_timeout: Setting::of(self.dice.pick(&[1.0, 5.0, 30.0])),
            client_body_timeout: Setting::of(self.dice.pick(&[1.0, 5.0, 60.0])),
            keepalive_timeout: Setting::of(self.dice.pick(&[0.02, 0.3, 75.0])),
            log_level: Setting::of("debug".into()),
            ..Config::default()
        };
        for number in 0..self.upstreams.len() {
            let pool = self.pool(number);
            let group = &self.upstreams[number];
            let (name, generation) = (group.name.clone(), group.generation);
            config.upstreams.push(UpstreamConfig { name: name.clone(), pool, at: None });
            let to = format!("http://{name}");
            config.routes.push(self.location(&name, to, generation));
        }
        config.routes.push(self.location("host", "http://{host}:{port}{path}".into(), 0));
        config
    }

    fn location(&mut self, name: &str, to: String, generation: usize) -> Directive {
        let generation = HeaderValue::Literal(generation.to_string());
        let mut proxy = configuration::ProxyConfig {
            to: Some(to),
            headers: vec![HeaderEdit { name: GENERATION.into(), values: vec![generation] }],
            timeout: self.dice.pick(&[0.3, 2.0, 5.0]),
            connect_timeout: self.dice.pick(&[0.02, 0.5, 2.0]),
            read_timeout: self.dice.pick(&[None, Some(1.0), Some(2.0)]),
            write_timeout: self.dice.pick(&[0.3, 2.0]),
            retries: self.dice.pick(&[None, None, Some(0), Some(1), Some(3)]),
            retry_budget: self.dice.pick(&[0.0, 20.0, 100.0]),
            retry_buffer: self.dice.pick(&[0, 500, 1024 * 1024]),
            buffer_size: self.dice.pick(&[0, 700, 5_000, 256 * 1024]),
            request_buffering: BufferingConfig::Switch(self.dice.u8(0..4) == 0),
            ..configuration::ProxyConfig::default()
        };
        for reason in ["timeout", "502", "503"] {
            if self.dice.bool() {
                proxy.retry_on.push(reason.into());
            }
        }
        let routes = vec![Directive::Proxy(Box::new(proxy))];
        let patterns = vec![format!("/{name}/*").as_str().into()];
        Directive::Location(Box::new(LocationConfig { patterns, routes, ..LocationConfig::default() }))
    }

    fn pool(&mut self, number: usize) -> PoolConfig {
        let checked = self.dice.u8(0..4) == 0;
        // Another way to connect: nothing of before may be used. Until the checks have found anybody well, those of
        // before stand in.
        if self.dice.u8(0..4) == 0 && !checked {
            self.upstreams[number].generation += 1;
        }
        let group = &self.upstreams[number];
        let (introduces, http2, generation) = (group.introduces, group.http2, group.generation);
        let mut backends: Vec<_> =
            group.addresses.iter().map(|address| BackendConfig::at(format!("http://{address}"))).collect();
        if backends.len() > 1 && self.dice.u8(0..3) == 0 {
            backends.remove(self.dice.usize(0..backends.len()));
        }
        PoolConfig {
            backends: Some(backends),
            backend_priority: Priority::Named(
                self.dice.pick(&["round_robin", "ordered", "random", "least_conn", "random_two"]).into(),
            ),
            protocol: http2.then(|| "http2".into()),
            proxy_protocol: introduces.then(|| "v1".into()),
            tls_sni: generation.is_multiple_of(2),
            keepalive: self.dice.pick(&[0, 1, 4, 64]),
            keepalive_timeout: self.dice.pick(&[0.01, 0.2, 15.0]),
            max_fails: self.dice.pick(&[0, 0, 1, 3]),
            fail_timeout: self.dice.pick(&[0.2, 3.0]),
            max_connections: self.dice.pick(&[None, None, Some(1), Some(3)]),
            queue: self.dice.pick(&[0, 1, 20]),
            queue_timeout: self.dice.pick(&[0.1, 2.0]),
            health_check: checked.then(|| HealthCheck {
                path: "/health".into(),
                interval: 0.5,
                timeout: 0.2,
                rise: 1,
                fall: 1,
                ..HealthCheck::default()
            }),
            ..PoolConfig::default()
        }
    }
}
