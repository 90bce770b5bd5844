//! TLS to backends.

mod named;
mod signature;
mod unverified;

use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::WantsClientCert;
use rustls::crypto::{aws_lc_rs, CryptoProvider};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};

use super::BackendProtocol;
use crate::compile::Report;
use crate::config::PoolConfig;
use crate::pem::{certificates, private_key};
use named::NamedCertificates;
use unverified::Unverified;

/// TLS policy of one set of backends: the authorities that are trusted, the client certificate, and whether SNI is
/// sent.
#[derive(Debug, Clone)]
pub(crate) struct TlsClient {
    http1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
    auto: Arc<ClientConfig>,
}

impl TlsClient {
    /// Reads `verify_ssl`, `ca_file`, `tls_sni`, `client_certificate` and `client_key`, and the files that they name.
    /// `None` if one of them has a mistake.
    pub(super) fn compile(pool: &PoolConfig, report: &mut Report<'_>) -> Option<Self> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let trusting = report.ok(trusting(pool, &provider));
        let identity = report.ok(identity(pool));
        let (trusting, identity) = (trusting?, identity?);
        let mut config = match identity {
            None => trusting.with_no_client_auth(),
            Some((chain, key)) => {
                let config = trusting.with_client_auth_cert(chain, key);
                report.ok(config.map_err(|error| mismatch(pool, &error)))?
            }
        };
        config.enable_sni = pool.tls_sni;
        let offering = |protocol: BackendProtocol| {
            let mut config = config.clone();
            config.alpn_protocols = protocol.alpn();
            Arc::new(config)
        };
        Some(Self {
            http1: offering(BackendProtocol::Http1),
            http2: offering(BackendProtocol::Http2),
            auto: offering(BackendProtocol::Auto),
        })
    }

    /// Configuration of rustls for connections that offer `protocol`.
    pub(crate) fn config(&self, protocol: BackendProtocol) -> &Arc<ClientConfig> {
        match protocol {
            BackendProtocol::Http1 => &self.http1,
            BackendProtocol::Http2 => &self.http2,
            BackendProtocol::Auto => &self.auto,
        }
    }
}

type Trusting = ConfigBuilder<ClientConfig, WantsClientCert>;

/// The certificates that are trusted.
fn trusting(pool: &PoolConfig, provider: &Arc<CryptoProvider>) -> Result<Trusting, String> {
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?;
    // Read even if it is not used, so that a wrong path is found before verification is switched on some day.
    let roots = pool.ca_file.as_deref().map(roots).transpose()?;
    let verifier: Arc<dyn ServerCertVerifier> = match pool.verify_ssl {
        true => verifier_of(roots, provider)?,
        false => Arc::new(Unverified::new(provider.signature_verification_algorithms)),
    };
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier))
}

/// What verifies certificates of servers: by those in the file `ca_file`, else by those that the system trusts.
pub(crate) fn verifier(
    ca_file: Option<&str>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, String> {
    verifier_of(ca_file.map(roots).transpose()?, provider)
}

fn verifier_of(
    roots: Option<Vec<CertificateDer<'static>>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, String> {
    if let Some(certificates) = roots {
        let named = NamedCertificates::new(certificates, provider)
            .map_err(|error| format!("ca_file: it cannot be used: {error}"))?;
        return Ok(Arc::new(named));
    }
    let system = rustls_platform_verifier::Verifier::new(provider.clone()).map_err(|error| {
        format!(
            "the system's root certificates cannot be read: {error}; install them (the package ca-certificates), or \
             name a file of your own with `ca_file`"
        )
    })?;
    Ok(Arc::new(system))
}

/// The certificates in the file, each of which is trusted.
fn roots(path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = certificates("ca_file", path)?;
    let mut store = RootCertStore::empty();
    for (index, certificate) in found.iter().enumerate() {
        store.add(certificate.clone()).map_err(|_| {
            format!("ca_file: certificate {} in {path:?} is damaged: get it again from whoever issued it", index + 1)
        })?;
    }
    Ok(found)
}

type ClientCertificate = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// The client certificate for backends that ask for one.
fn identity(pool: &PoolConfig) -> Result<Option<ClientCertificate>, String> {
    match (&pool.client_certificate, &pool.client_key) {
        (None, None) => Ok(None),
        (Some(_), None) => Err("client_certificate is given without its key: add `client_key`".into()),
        (None, Some(_)) => Err("client_key is given without its certificate: add `client_certificate`".into()),
        (Some(chain), Some(key)) => {
            Ok(Some((certificates("client_certificate", chain)?, private_key("client_key", key)?)))
        }
    }
}

/// The reason why a certificate and a key do not match, or cannot be used at all.
fn mismatch(pool: &PoolConfig, error: &rustls::Error) -> String {
    let (chain, key) =
        (pool.client_certificate.as_deref().unwrap_or_default(), pool.client_key.as_deref().unwrap_or_default());
    match error {
        rustls::Error::InconsistentKeys(_) => {
            format!("client_key: {key:?} is not the key of the first certificate in {chain:?}")
        }
        error => format!("client_certificate {chain:?} and client_key {key:?} cannot be used: {error}"),
    }
}

#[cfg(test)]
mod tests;
