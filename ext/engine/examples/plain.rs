//! `plain BIND BACKEND [metrics]`: the engine without Ruby, in front of one backend, with one engine thread. For
//! benchmarks and callgrind. BIND is `ADDRESS:PORT`, or a port of the loopback address. With `metrics` it counts what
//! there are metrics for.

use proxy_engine::configuration::{
    BackendConfig, BindConfig, Directive, MetricsConfig, PoolConfig, ProxyConfig, Setting,
};
use proxy_engine::{Config, Server};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (Some(bind), Some(backend)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: plain BIND BACKEND [metrics]");
        std::process::exit(64);
    };
    let bind = if bind.contains(':') { bind } else { format!("127.0.0.1:{bind}") };
    let pool = PoolConfig { backends: Some(vec![BackendConfig::at(backend)]), ..PoolConfig::default() };
    let proxy = ProxyConfig { pool: Some(pool), ..ProxyConfig::default() };
    let config = Config {
        binds: vec![BindConfig { url: format!("http://{bind}"), ..BindConfig::default() }],
        threads: Some(Setting::of(1)),
        metrics: arguments.next().map(|_| MetricsConfig::default()),
        routes: vec![Directive::Proxy(Box::new(proxy))],
        ..Config::default()
    };
    match Server::start(config) {
        Ok(server) => {
            println!("{}", server.urls().join(" "));
            server.wait(None);
        }
        Err(error) => {
            eprintln!("{error:?}");
            std::process::exit(1);
        }
    }
}
