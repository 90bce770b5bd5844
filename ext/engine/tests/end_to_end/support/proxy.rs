//! A running server in front of scripted backends.

use std::io::Write;
use std::net::TcpStream;
use std::sync::mpsc::{channel, RecvTimeoutError, Sender};
use std::sync::Arc;
use std::time::Duration;

use proxy_engine::configuration::{self, BackendConfig, BindConfig, Config, Directive, PoolConfig, Priority, Setting};
use proxy_engine::Server;

use super::{Origin, Peer};

/// No test takes as long.
const TIME_LIMIT: Duration = Duration::from_secs(120);

pub(crate) struct Proxy {
    pub(crate) server: Arc<Server>,
    address: String,
    _limit: Sender<()>,
}

/// What a test changes.
pub(crate) struct Settings {
    pub(crate) server: Config,
    pub(crate) proxy: configuration::ProxyConfig,
    pub(crate) pool: PoolConfig,
}

impl Proxy {
    /// In front of one backend, with nothing configured.
    pub(crate) fn before(origin: &Origin) -> Self {
        Self::with(&[&origin.address()], |_| ())
    }

    /// In front of several, in this order of preference.
    pub(crate) fn with(backends: &[&str], change: impl FnOnce(&mut Settings)) -> Self {
        Self::start(Self::config(backends, change))
    }

    /// With a configuration that [`Self::config`] has made.
    pub(crate) fn start(config: Config) -> Self {
        let server = Server::start(config).expect("a server");
        let address = server.urls()[0].split_once("://").expect("a URL").1.replace("0.0.0.0", "127.0.0.1");
        Self { server, address, _limit: time_limit() }
    }

    /// The same configuration once more, with other changes: for a reload.
    pub(crate) fn config(backends: &[&str], change: impl FnOnce(&mut Settings)) -> Config {
        let backends = backends.iter().map(|address| BackendConfig::at(*address)).collect();
        let mut settings = Settings {
            server: Config {
                binds: vec![BindConfig { url: "http://127.0.0.1:0".into(), ..BindConfig::default() }],
                threads: Some(Setting::of(1)),
                log_level: Setting::of("error".into()),
                ..Config::default()
            },
            proxy: configuration::ProxyConfig::default(),
            pool: PoolConfig {
                backends: Some(backends),
                backend_priority: Priority::Named("ordered".into()),
                ..PoolConfig::default()
            },
        };
        change(&mut settings);
        settings.proxy.pool = Some(settings.pool);
        settings.server.routes.push(Directive::Proxy(Box::new(settings.proxy)));
        settings.server
    }

    /// Takes another configuration in place of its own.
    pub(crate) fn reload(&self, backends: &[&str], change: impl FnOnce(&mut Settings)) {
        let warnings = self.server.reload(&Self::config(backends, change)).expect("a sound configuration");
        assert_eq!(warnings, []);
    }

    /// A new connection to it.
    pub(crate) fn client(&self) -> Peer {
        Peer::new(TcpStream::connect(&self.address).expect("the proxy accepts"))
    }

    /// A new connection that takes little before it is read from.
    pub(crate) fn narrow_client(&self) -> Peer {
        let address: std::net::SocketAddr = self.address.parse().expect("an address");
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        socket.set_recv_buffer_size(64 * 1024).expect("a small buffer");
        socket.connect(&address.into()).expect("the proxy accepts");
        Peer::new(socket.into())
    }

    /// The state of every backend.
    pub(crate) fn states(&self) -> Vec<&'static str> {
        self.server.stats().backends.iter().map(|backend| backend.state).collect()
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

/// Ends the process if the sender lives too long: a test that hangs says so.
fn time_limit() -> Sender<()> {
    let (sender, receiver) = channel();
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    std::thread::spawn(move || {
        if receiver.recv_timeout(TIME_LIMIT) == Err(RecvTimeoutError::Timeout) {
            // `eprintln!` would be kept back with the output of the test.
            let _ = writeln!(std::io::stderr(), "{name} takes too long");
            std::process::abort();
        }
    });
    sender
}
