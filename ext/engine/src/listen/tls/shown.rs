//! The certificate of one handshake, where it is found by name.

use std::cell::RefCell;
use std::future::{poll_fn, Future};
use std::pin::pin;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::ServerConfig;

/// Protocol of tls-alpn-01 challenges (RFC 8737, section 6.2).
const CHALLENGE: &[u8] = b"acme-tls/1";

thread_local! {
    static SHOWN: RefCell<Option<Arc<CertifiedKey>>> = const { RefCell::new(None) };
}

/// The certificate that [`show`] shows.
#[derive(Debug)]
pub(super) struct ShownCertificate;

impl ResolvesServerCert for ShownCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        SHOWN.with_borrow(Clone::clone)
    }
}

/// Does a handshake that shows this certificate. A configuration of its own for each handshake would stay in memory as
/// long as the connection; rustls asks for the certificate only while the handshake is polled.
pub(crate) async fn show<F: Future>(key: Arc<CertifiedKey>, handshake: F) -> F::Output {
    let mut handshake = pin!(handshake);
    poll_fn(|cx| {
        SHOWN.set(Some(Arc::clone(&key)));
        let polled = handshake.as_mut().poll(cx);
        SHOWN.set(None);
        polled
    })
    .await
}

/// Whether this is a handshake for a tls-alpn-01 challenge: it offers that protocol alone.
pub(super) fn is_challenge(hello: &ClientHello<'_>) -> bool {
    let Some(mut offered) = hello.alpn() else { return false };
    offered.next() == Some(CHALLENGE) && offered.next().is_none()
}

/// The configuration that answers a challenge with this certificate.
pub(super) fn challenge_config(key: Arc<CertifiedKey>) -> Option<Arc<ServerConfig>> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
    let resolver = SingleCertAndKey::from((*key).clone());
    let mut config = builder.with_no_client_auth().with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = vec![CHALLENGE.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Some(Arc::new(config))
}
