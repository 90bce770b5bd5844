//! Pebble, its DNS server, and a door where it finds answers to challenges.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustls::server::ResolvesServerCert;
use rustls::sign::CertifiedKey;
use rustls::ServerConfig;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::LazyConfigAcceptor;

use crate::acme::order::{Authority, IssuedCertificate, OrderFailure, WantedCertificate};
use crate::certificates::challenges::Challenges;
use crate::compile::Report;
use crate::config::{AcmeConfig, EabConfig};
use crate::log::{Level, Log};
use crate::storage::Storage;
use crate::upstream::tests::certs;
use crate::upstream::Dns;

/// Key of the account binding `kid-1` at a Pebble that asks for one, in base64url.
pub(super) const BINDING: &str = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";

/// A process that ends with the test.
struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a program that `bin/setup --test` has built, and waits until it listens.
async fn start(name: &str, log: &Path, arguments: &[&str], environment: &[(&str, &str)], port: u16) -> Peer {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tmp/pebble").join(name);
    let output = std::fs::File::create(log).expect("a log");
    let child = Command::new(&program)
        .args(arguments)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(output.try_clone().expect("a log"))
        .stderr(output)
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}: run bin/setup --test", program.display()));
    let mut peer = Peer(child);
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        let ended = peer.0.try_wait().expect("its state");
        assert!(ended.is_none(), "{name} has ended: {}", std::fs::read_to_string(log).unwrap_or_default());
        // Nothing tells when it listens.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    peer
}

/// How Pebble behaves.
#[derive(Clone, Copy, Default)]
pub(super) struct Manners {
    /// Per cent of good nonces that it refuses.
    pub(super) bad_nonces: u8,
    /// Whether accounts need a binding.
    pub(super) needs_binding: bool,
}

/// An authority with all that it needs.
pub(super) struct TestAuthority {
    pub(super) folder: TempDir,
    pub(super) storage: Arc<Storage>,
    pub(super) challenges: Arc<Challenges>,
    pub(super) log: Arc<Log>,
    pub(super) url: String,
    ca_file: String,
    dns: SocketAddr,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
    port: u16,
    peers: Vec<Peer>,
}

impl TestAuthority {
    pub(super) async fn start(manners: Manners) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).to_str().expect("a path").to_owned();
        let challenges = Arc::<Challenges>::default();
        let (http, tls) = door(&challenges).await;
        let [port, management, dns_port, dns_management] = free_ports();
        let authority = certs::Authority::new();
        let own = authority.certify(&["127.0.0.1", "localhost"]);
        let ca_file = certs::write(folder.path(), "ca.pem", &authority.pem());
        let config = serde_json::json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": certs::write(folder.path(), "own.pem", &own.certificate),
            "privateKey": certs::write(folder.path(), "own.key", &own.key),
            "httpPort": http, "tlsPort": tls, "keyAlgorithm": "ecdsa",
            "retryAfter": { "authz": 1, "order": 1 },
            "externalAccountBindingRequired": manners.needs_binding,
            "externalAccountMACKeys": { "kid-1": BINDING },
            "domainBlocklist": ["blocked.test"],
            "profiles": {
                "default": { "description": "for most", "validityPeriod": 7_776_000 },
                "brief": { "description": "for tests", "validityPeriod": 120 },
            },
        }});
        let config = certs::write(folder.path(), "pebble.json", &config.to_string());
        let dns = SocketAddr::from(([127, 0, 0, 1], dns_port));
        let (of_dns, of_management) = (dns.to_string(), format!("127.0.0.1:{dns_management}"));
        let arguments = [
            "-dnsserver",
            &of_dns,
            "-management",
            &of_management,
            "-defaultIPv6",
            "",
            "-http01",
            "",
            "-https01",
            "",
            "-tlsalpn01",
            "",
            "-doh",
            "",
        ];
        let log = PathBuf::from(path("dns.log"));
        let challtestsrv = start("pebble-challtestsrv", &log, &arguments, &[], dns_management).await;
        let arguments = ["-config", &config, "-strict", "-dnsserver", &of_dns].map(str::to_owned).to_vec();
        let environment = vec![
            ("PEBBLE_VA_NOSLEEP", "1".to_owned()),
            ("PEBBLE_WFE_NONCEREJECT", manners.bad_nonces.to_string()),
            ("PEBBLE_AUTHZREUSE", "0".to_owned()),
        ];
        let storage = Arc::new(Storage::in_folder(folder.path().join("storage")));
        let url = format!("https://127.0.0.1:{port}/dir");
        let log = Log::to(Level::Debug, Box::new(std::io::sink()));
        let peers = vec![challtestsrv];
        let mut made =
            Self { storage, challenges, log, url, ca_file, dns, arguments, environment, port, peers, folder };
        made.start_pebble().await;
        made
    }

    async fn start_pebble(&mut self) {
        let arguments: Vec<_> = self.arguments.iter().map(String::as_str).collect();
        let environment: Vec<_> = self.environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.peers.push(start("pebble", &self.log_file(), &arguments, &environment, self.port).await);
    }

    /// A new Pebble at the same place, which remembers nothing.
    pub(super) async fn restart(&mut self) {
        drop(self.peers.pop());
        self.start_pebble().await;
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("pebble.log")
    }

    fn count(&self, text: &str) -> usize {
        std::fs::read_to_string(self.log_file()).expect("a log").matches(text).count()
    }

    /// Orders that it took.
    pub(super) fn orders(&self) -> usize {
        self.count("Added order \"")
    }

    /// Accounts that it made.
    pub(super) fn accounts(&self) -> usize {
        self.count("accounts in memory")
    }

    /// What `acme` says for it.
    pub(super) fn config(&self) -> AcmeConfig {
        AcmeConfig { authority: vec![self.url.clone()], ca_file: Some(self.ca_file.clone()), ..AcmeConfig::default() }
    }

    pub(super) fn with_binding(&self, id: &str, key: &str) -> AcmeConfig {
        AcmeConfig { eab: vec![EabConfig { authority: None, id: id.into(), key: key.into() }], ..self.config() }
    }

    /// A client of it.
    pub(super) fn client(&self, config: &AcmeConfig) -> Arc<Authority> {
        let dns = Arc::new(Dns::given(&[self.dns]).expect("a resolver"));
        let mut all = Report::sound(|report| Authority::compile(config, &self.storage, None, &dns, report));
        all.remove(0)
    }

    /// Orders a certificate for these names.
    pub(super) async fn order(&self, client: &Authority, names: &[&str]) -> Result<IssuedCertificate, OrderFailure> {
        self.replace(client, names, None).await
    }

    pub(super) async fn replace(
        &self,
        client: &Authority,
        names: &[&str],
        replaces: Option<&IssuedCertificate>,
    ) -> Result<IssuedCertificate, OrderFailure> {
        let names = names.iter().map(ToString::to_string).collect();
        let wanted = WantedCertificate { names, replaces: replaces.map(|old| old.pem.clone()) };
        client.order(&wanted, &self.challenges, &self.log).await
    }
}

/// Ports that are free now.
fn free_ports<const N: usize>() -> [u16; N] {
    let taken = [(); N].map(|()| std::net::TcpListener::bind("127.0.0.1:0").expect("a port"));
    taken.map(|listener| listener.local_addr().expect("an address").port())
}

/// Where an authority finds answers to http-01 and tls-alpn-01: their ports.
async fn door(challenges: &Arc<Challenges>) -> (u16, u16) {
    let http = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let tls = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let ports = [&http, &tls].map(|listener| listener.local_addr().expect("an address").port());
    let of_http = Arc::clone(challenges);
    tokio::spawn(async move {
        while let Ok((stream, _)) = http.accept().await {
            tokio::spawn(answer_http(stream, Arc::clone(&of_http)));
        }
    });
    let of_tls = Arc::clone(challenges);
    tokio::spawn(async move {
        while let Ok((stream, _)) = tls.accept().await {
            tokio::spawn(answer_tls(stream, Arc::clone(&of_tls)));
        }
    });
    (ports[0], ports[1])
}

async fn answer_http(mut stream: TcpStream, challenges: Arc<Challenges>) -> Option<()> {
    let mut head = [0; 2_000];
    let length = stream.read(&mut head).await.ok()?;
    let head = std::str::from_utf8(&head[..length]).ok()?;
    let token = head.strip_prefix("GET /.well-known/acme-challenge/")?.split(' ').next()?;
    let answer = match challenges.http(token.as_bytes()).await {
        Some(body) => format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len()),
        None => "HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".into(),
    };
    stream.write_all(answer.as_bytes()).await.ok()
}

async fn answer_tls(stream: TcpStream, challenges: Arc<Challenges>) -> Option<()> {
    let handshake = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await.ok()?;
    let name = handshake.client_hello().server_name()?.to_owned();
    let key = challenges.alpn(name.as_bytes()).await?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
    let mut config = builder.with_no_client_auth().with_cert_resolver(Arc::new(One(key)));
    config.alpn_protocols = vec![b"acme-tls/1".to_vec()];
    let mut stream = handshake.into_stream(Arc::new(config)).await.ok()?;
    stream.shutdown().await.ok()
}

#[derive(Debug)]
struct One(Arc<CertifiedKey>);

impl ResolvesServerCert for One {
    fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}
