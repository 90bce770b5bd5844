//! Pebble, and a door where it finds answers to challenges.

use std::sync::Arc;

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
use crate::tests::pebble::{Pebble, PebbleOptions};
use crate::upstream::Dns;

/// Key of the account binding `kid-1` at a Pebble that asks for one, in base64url.
pub(super) const BINDING: &str = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";

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
    pub(super) pebble: Arc<Pebble>,
}

impl TestAuthority {
    pub(super) async fn start(manners: Manners) -> Self {
        let challenges = Arc::<Challenges>::default();
        let (http, tls) = door(&challenges).await;
        let bindings: &[_] = if manners.needs_binding { &[("kid-1", BINDING)] } else { &[] };
        let pebble = Pebble::start(&PebbleOptions {
            bad_nonces: manners.bad_nonces,
            bindings,
            blocked: &["blocked.test"],
            http,
            tls,
            ..PebbleOptions::default()
        });
        let folder = tempfile::tempdir().expect("a folder");
        let storage = Arc::new(Storage::in_folder(folder.path().join("storage")));
        let log = Log::to(Level::Debug, Box::new(std::io::sink()));
        Self { folder, storage, challenges, log, pebble: Arc::new(pebble) }
    }

    /// Orders that it took, and accounts that it made.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.pebble.orders(), self.pebble.accounts())
    }

    /// What `acme` says for it.
    pub(super) fn config(&self) -> AcmeConfig {
        let ca_file = Some(self.pebble.ca_file.display().to_string());
        AcmeConfig { authority: vec![self.pebble.url.clone()], ca_file, ..AcmeConfig::default() }
    }

    pub(super) fn with_binding(&self, id: &str, key: &str) -> AcmeConfig {
        AcmeConfig { eab: vec![EabConfig { authority: None, id: id.into(), key: key.into() }], ..self.config() }
    }

    /// A client of it.
    pub(super) fn client(&self, config: &AcmeConfig) -> Arc<Authority> {
        let dns = Arc::new(Dns::given(&[self.pebble.dns.address.parse().expect("an address")]).expect("a resolver"));
        let mut all = Report::sound(|report| Authority::compile(config, &self.storage, None, &dns, report));
        all.remove(0)
    }

    /// Orders a certificate for these names.
    pub(super) async fn order(&self, client: &Authority, names: &[&str]) -> Result<IssuedCertificate, OrderFailure> {
        self.replace(client, names, None).await
    }

    /// Orders certificates for these names at once, one for each.
    pub(super) async fn order_all(&self, client: &Arc<Authority>, names: impl IntoIterator<Item = String>) {
        let mut orders = tokio::task::JoinSet::new();
        for name in names {
            let (client, challenges, log) = (Arc::clone(client), Arc::clone(&self.challenges), Arc::clone(&self.log));
            orders.spawn(async move {
                let wanted = WantedCertificate { names: vec![name.clone()], replaces: None };
                let issued = client.order(&wanted, &challenges, &log).await;
                issued.unwrap_or_else(|failure| panic!("{name}: {failure}"));
                client.settle(&name).await;
            });
        }
        orders.join_all().await;
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
