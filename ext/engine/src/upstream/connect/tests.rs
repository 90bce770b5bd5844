use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};

use super::super::tests::certs::{write, Authority, Certified};
use super::super::tests::{tls_server, within};
use super::super::tls::TlsClient;
use super::*;
use crate::compile::Report;
use crate::config::PoolConfig as Options;
use crate::upstream::backend::BackendSettings;

const LIMIT: Duration = Duration::from_secs(10);

fn endpoint(place: BackendAddress, tls: Option<Tls>) -> std::sync::Arc<Backend> {
    let label = match &place {
        BackendAddress::Tcp(address) | BackendAddress::Either(address, _) => address.to_string(),
        BackendAddress::Unix(path) => format!("unix:{}", path.display()),
        BackendAddress::Application(_) => "application".into(),
    };
    Backend::new(label, "host", place, tls, BackendSettings::default())
}

fn tls(proxy: &Options, name: &'static str) -> Option<Tls> {
    let client = Report::sound(|report| TlsClient::compile(proxy, report));
    Some(Tls { client: client.expect("a policy"), name: ServerName::try_from(name).expect("a name") })
}

/// A folder with an authority's certificate in it, and the options that trust it.
struct Trust {
    folder: tempfile::TempDir,
    authority: Authority,
    options: Options,
}

fn trust() -> Trust {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new();
    let ca_file = Some(write(folder.path(), "ca.pem", &authority.pem()));
    Trust { folder, authority, options: Options { ca_file, ..Options::default() } }
}

async fn echoes(stream: &mut Stream) {
    stream.write_all(b"hello").await.expect("written");
    stream.flush().await.expect("flushed");
    let mut echo = [0; 5];
    stream.read_exact(&mut echo).await.expect("read");
    assert_eq!(&echo, b"hello");
}

#[tokio::test]
async fn tcp_connections_over_ipv4_and_ipv6_do_not_delay_small_writes() {
    for loopback in ["127.0.0.1:0", "[::1]:0"] {
        let listener = TcpListener::bind(loopback).await.expect("a port");
        let endpoint = endpoint(BackendAddress::Tcp(listener.local_addr().expect("an address")), None);
        let Stream::Tcp(stream) = within(connect(&endpoint, None, &[], LIMIT)).await.expect("a connection") else {
            panic!("not TCP")
        };
        assert!(stream.nodelay().expect("an option"));
    }
}

#[tokio::test]
async fn unix_sockets_are_connected_to_and_a_missing_one_counts_as_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("app.sock");
    let endpoint = endpoint(BackendAddress::Unix(path.clone()), None);
    let error = within(connect(&endpoint, None, &[], LIMIT)).await.expect_err("no socket yet");
    assert_eq!(error.kind(), ConnectErrorKind::Refused);
    let listener = UnixListener::bind(&path).expect("a socket");
    assert!(matches!(within(connect(&endpoint, None, &[], LIMIT)).await, Ok(Stream::Unix(_))));
    drop(listener);
    let error = within(connect(&endpoint, None, &[], LIMIT)).await.expect_err("nobody listens");
    assert_eq!(error.kind(), ConnectErrorKind::Refused);
    assert!(error.to_string().starts_with("cannot connect to unix:/"), "{error}");
}

#[tokio::test]
async fn a_backend_that_makes_no_handshake_is_given_up_after_the_limit() {
    let trust = trust();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint =
        endpoint(BackendAddress::Tcp(listener.local_addr().expect("an address")), tls(&trust.options, "backend"));
    let error = within(connect(&endpoint, None, &[], Duration::from_millis(50))).await.expect_err("silence");
    assert_eq!(error.kind(), ConnectErrorKind::Timeout);
    assert!(error.to_string().ends_with("made no TLS handshake within 50ms"), "{error}");
}

#[tokio::test]
async fn a_full_backlog_is_given_up_after_the_limit() {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("bound");
    socket.listen(0).expect("listening");
    let address = socket.local_addr().expect("an address").as_socket().expect("an IP address");
    let endpoint = endpoint(BackendAddress::Tcp(address), None);
    let mut waiting = Vec::new();
    let error = loop {
        match within(connect(&endpoint, None, &[], Duration::from_millis(200))).await {
            Ok(stream) => waiting.push(stream),
            Err(error) => break error,
        }
        assert!(waiting.len() < 100, "the backlog never fills ({})", socket.as_raw_fd());
    };
    assert_eq!(error.kind(), ConnectErrorKind::Timeout);
    assert!(error.to_string().contains("did not accept a connection within 200ms"), "{error}");
}

#[tokio::test]
async fn a_trusted_certificate_for_the_right_name_or_address_is_accepted() {
    let trust = trust();
    let (address, mut seen) = tls_server::tcp(&trust.authority.certify(&["backend.test", "127.0.0.1"]), None).await;
    let place = BackendAddress::Tcp(address);

    let named = endpoint(place.clone(), tls(&trust.options, "backend.test"));
    let mut stream = within(connect(&named, None, &[], LIMIT)).await.expect("a connection");
    within(echoes(&mut stream)).await;
    let learned = within(seen.recv()).await.expect("a handshake");
    assert_eq!(learned.sni.as_deref(), Some("backend.test"));
    assert_eq!(learned.alpn.as_deref(), Some(&b"http/1.1"[..]), "although the server would rather speak h2");
    assert_eq!(learned.client, None);

    let by_address = endpoint(place, tls(&trust.options, "127.0.0.1"));
    within(connect(&by_address, None, &[], LIMIT)).await.expect("a connection");
    assert_eq!(within(seen.recv()).await.expect("a handshake").sni, None, "an address is no SNI");
}

#[tokio::test]
async fn the_name_of_a_request_replaces_the_endpoints_own() {
    let trust = trust();
    let (address, mut seen) = tls_server::tcp(&trust.authority.certify(&["asked.test"]), None).await;
    let endpoint = endpoint(BackendAddress::Tcp(address), tls(&trust.options, "own.test"));
    let name = ServerName::try_from("asked.test").expect("a name");
    let stream = within(connect(&endpoint, Some(&name), &[], LIMIT)).await.expect("a connection");
    assert_eq!(stream.server_name(), Some(&name));
    assert_eq!(within(seen.recv()).await.expect("a handshake").sni.as_deref(), Some("asked.test"));
    let error = within(connect(&endpoint, None, &[], LIMIT)).await.expect_err("the certificate is for another name");
    assert_eq!(error.kind(), ConnectErrorKind::Tls);
}

#[tokio::test]
async fn an_untrusted_certificate_is_refused_unless_verification_is_off() {
    let (trusted, stranger) = (trust(), Authority::new());
    let (address, mut seen) = tls_server::tcp(&stranger.certify(&["other.test"]), None).await;
    let place = BackendAddress::Tcp(address);
    let strict = endpoint(place.clone(), tls(&trusted.options, "backend.test"));
    let error = within(connect(&strict, None, &[], LIMIT)).await.expect_err("nobody vouches for it");
    assert_eq!(error.kind(), ConnectErrorKind::Tls);
    assert!(error.to_string().contains("invalid peer certificate"), "{error}");

    let lax = endpoint(place, tls(&Options { verify_ssl: false, ..Options::default() }, "backend.test"));
    let mut stream = within(connect(&lax, None, &[], LIMIT)).await.expect("a connection");
    within(echoes(&mut stream)).await;
    assert_eq!(within(seen.recv()).await.expect("a handshake").sni.as_deref(), Some("backend.test"));
}

#[tokio::test]
async fn without_verification_the_key_must_still_match_the_certificate_shown() {
    let authority = Authority::new();
    let (one, other) = (authority.certify(&["backend.test"]), authority.certify(&["backend.test"]));
    let (provider, forged) =
        (rustls::crypto::aws_lc_rs::default_provider(), Certified { certificate: one.certificate, key: other.key });
    // A server library refuses such a pair, so it is put together behind its back.
    let key = rustls::pki_types::pem::PemObject::from_pem_slice(forged.key.as_bytes()).expect("a key");
    let key = provider.key_provider.load_private_key(key).expect("a key");
    let chain = vec![tls_server::certificate(&forged.certificate)];
    let pair = std::sync::Arc::new(rustls::sign::CertifiedKey::new(chain, key));
    #[derive(Debug)]
    struct Always(std::sync::Arc<rustls::sign::CertifiedKey>);
    impl rustls::server::ResolvesServerCert for Always {
        fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<std::sync::Arc<rustls::sign::CertifiedKey>> {
            Some(self.0.clone())
        }
    }
    let config = rustls::ServerConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_no_client_auth()
        .with_cert_resolver(std::sync::Arc::new(Always(pair)));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a client");
        acceptor.accept(stream).await.map(drop)
    });
    let lax = endpoint(
        BackendAddress::Tcp(address),
        tls(&Options { verify_ssl: false, ..Options::default() }, "backend.test"),
    );
    let error = within(connect(&lax, None, &[], LIMIT)).await.expect_err("it does not hold the key");
    assert!(error.to_string().contains("BadSignature"), "{error}");
    within(server).await.expect("the server ends").expect_err("the handshake fails");
}

#[tokio::test]
async fn without_sni_the_certificate_is_checked_all_the_same() {
    let trust = trust();
    let (address, mut seen) = tls_server::tcp(&trust.authority.certify(&["backend.test"]), None).await;
    let options = Options { tls_sni: false, ..trust.options };
    let right = endpoint(BackendAddress::Tcp(address), tls(&options, "backend.test"));
    within(connect(&right, None, &[], LIMIT)).await.expect("a connection");
    assert_eq!(within(seen.recv()).await.expect("a handshake").sni, None);
    let wrong = endpoint(BackendAddress::Tcp(address), tls(&options, "other.test"));
    within(connect(&wrong, None, &[], LIMIT)).await.expect_err("the certificate is for another name");
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_a_backend_that_asks() {
    let trust = trust();
    let ours = trust.authority.certify(&["proxy"]);
    let (address, mut seen) =
        tls_server::tcp(&trust.authority.certify(&["backend.test"]), Some(&trust.authority)).await;
    let options = Options {
        client_certificate: Some(write(trust.folder.path(), "proxy.pem", &ours.certificate)),
        client_key: Some(write(trust.folder.path(), "proxy.key", &ours.key)),
        ..trust.options.clone()
    };
    let endpoint = endpoint(BackendAddress::Tcp(address), tls(&options, "backend.test"));
    let mut stream = within(connect(&endpoint, None, &[], LIMIT)).await.expect("a connection");
    within(echoes(&mut stream)).await;
    let shown = within(seen.recv()).await.expect("a handshake").client;
    assert_eq!(shown, Some(tls_server::certificate(&ours.certificate)));
}

#[tokio::test]
async fn tls_is_spoken_over_a_unix_socket_too() {
    let trust = trust();
    let path = trust.folder.path().join("tls.sock");
    let mut seen = tls_server::unix(&trust.authority.certify(&["backend.test"]), &path);
    let endpoint = endpoint(BackendAddress::Unix(path), tls(&trust.options, "backend.test"));
    let mut stream = within(connect(&endpoint, None, &[], LIMIT)).await.expect("a connection");
    assert!(matches!(stream, Stream::TlsUnix(_)));
    within(echoes(&mut stream)).await;
    assert_eq!(within(seen.recv()).await.expect("a handshake").sni.as_deref(), Some("backend.test"));
}
