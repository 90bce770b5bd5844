//! A TLS server that makes handshakes, tells what it learned in them and then echoes.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use super::certs::{Authority, Certified};

/// What a handshake told the server.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Seen {
    pub(in super::super) sni: Option<String>,
    pub(in super::super) alpn: Option<Vec<u8>>,
    /// The first certificate that the client showed.
    pub(in super::super) client: Option<CertificateDer<'static>>,
}

/// Starts one on a free port. `clients` are the authorities of clients, whose certificates are then required.
pub(in super::super) async fn tcp(
    certified: &Certified,
    clients: Option<&Authority>,
) -> (SocketAddr, mpsc::UnboundedReceiver<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let acceptor = acceptor(certified, clients);
    let (tell, seen) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(acceptor.clone(), stream, tell.clone()));
        }
    });
    (address, seen)
}

/// The same on a unix socket.
pub(in super::super) fn unix(certified: &Certified, path: &Path) -> mpsc::UnboundedReceiver<Seen> {
    let listener = UnixListener::bind(path).expect("a socket");
    let acceptor = acceptor(certified, None);
    let (tell, seen) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(acceptor.clone(), stream, tell.clone()));
        }
    });
    seen
}

async fn serve(acceptor: TlsAcceptor, stream: impl AsyncRead + AsyncWrite + Unpin, tell: mpsc::UnboundedSender<Seen>) {
    // A client that does not like the certificate ends the handshake, which is what some tests are about.
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let session = stream.get_ref().1;
    let seen = Seen {
        sni: session.server_name().map(str::to_owned),
        alpn: session.alpn_protocol().map(<[u8]>::to_vec),
        client: session.peer_certificates().and_then(|chain| chain.first().cloned()),
    };
    if tell.send(seen).is_err() {
        return;
    }
    let (mut from, mut to) = tokio::io::split(stream);
    // The peer may vanish at any time, which ends the test's connection and nothing else.
    let _ = tokio::io::copy(&mut from, &mut to).await;
}

fn acceptor(certified: &Certified, clients: Option<&Authority>) -> TlsAcceptor {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("protocol versions");
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(certificate(&authority.pem())).expect("an authority");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
        }
    };
    let key = PrivateKeyDer::from_pem_slice(certified.key.as_bytes()).expect("a key");
    let mut config = builder.with_single_cert(vec![certificate(&certified.certificate)], key).expect("a server");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

pub(in super::super) fn certificate(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate")
}
