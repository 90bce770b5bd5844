//! Facts about a TLS connection with a client, for string rewrites, logs and policies.

use std::sync::{Arc, OnceLock};

use rustls::pki_types::CertificateDer;
use rustls::{HandshakeKind, ProtocolVersion, ServerConnection};

use super::subject::Subject;
use super::TlsServer;
use crate::listen::BindKey;

/// Facts about one connection. Made once per connection; the client's certificate is parsed on first use.
#[derive(Debug)]
pub(crate) struct TlsDetails {
    /// The bind at which the client arrived. `server` is its TLS configuration at that time.
    pub(crate) bind: BindKey,
    server: Arc<TlsServer>,
    /// Index of the certificate that the client was shown.
    site: usize,
    server_name: Option<Box<str>>,
    version: Option<ProtocolVersion>,
    /// Cipher suite by rustls' name.
    cipher: &'static str,
    protocol: Protocol,
    /// Whether an earlier session was resumed.
    resumed: bool,
    /// The client's certificate, verified.
    certificate: Option<CertificateDer<'static>>,
    subject: OnceLock<Subject>,
}

/// A value of a connection that string rewrites and logs can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsValue {
    /// `TLSv1.2` or `TLSv1.3`.
    Version,
    /// The cipher suite by its IANA name.
    Cipher,
    /// `true` if an earlier session was resumed, otherwise `false`.
    Resumed,
    /// The server name of the handshake (SNI).
    ServerName,
    /// The protocol that ALPN selected.
    Alpn,
    /// `SUCCESS` if the client showed a certificate, otherwise `NONE`.
    ClientVerify,
    /// Subject of the client's certificate.
    ClientSubject,
    /// Issuer of the client's certificate.
    ClientIssuer,
    /// Serial number of the client's certificate.
    ClientSerial,
    /// SHA-256 of the client's certificate.
    ClientFingerprint,
    /// Subject alternative names of the client's certificate.
    ClientNames,
}

/// Result of ALPN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// The client offered no protocol by ALPN.
    Unsaid,
    /// HTTP/1.0, from a client that offers nothing newer.
    Http10,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

impl TlsDetails {
    /// Whether the client has shown a certificate, which was verified.
    pub(crate) fn has_certificate(&self) -> bool {
        self.certificate.is_some()
    }

    /// Facts about a finished handshake.
    pub(crate) fn new(bind: &BindKey, server: &Arc<TlsServer>, site: usize, connection: &ServerConnection) -> Self {
        Self {
            bind: bind.clone(),
            server: Arc::clone(server),
            site,
            server_name: connection.server_name().map(Into::into),
            version: connection.protocol_version(),
            cipher: connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str()).unwrap_or_default(),
            protocol: match connection.alpn_protocol() {
                None => Protocol::Unsaid,
                Some(b"h2") => Protocol::Http2,
                Some(b"http/1.0") => Protocol::Http10,
                Some(_) => Protocol::Http1,
            },
            resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
            certificate: connection.peer_certificates().and_then(|chain| chain.first()).cloned(),
            subject: OnceLock::new(),
        }
    }

    /// The protocol that ALPN selected.
    pub(crate) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Whether a request for `host` may arrive over this connection. `now` is the TLS configuration of its bind at this
    /// moment; `None` if the bind no longer exists.
    pub(crate) fn admits(&self, now: Option<&Arc<TlsServer>>, host: &[u8]) -> bool {
        if !self.server.admits(self.site, host) {
            return false;
        }
        match now {
            Some(now) if !Arc::ptr_eq(now, &self.server) => {
                self.server.policy(self.site).satisfies(now.policy_for(host), self.certificate.is_some())
            }
            _ => true,
        }
    }

    /// Appends the value. An absent value appends nothing.
    pub(crate) fn write(&self, value: TlsValue, out: &mut Vec<u8>) {
        let subject = |of: fn(&Subject) -> &str| {
            let certificate = self.certificate.as_ref()?;
            Some(of(self.subject.get_or_init(|| Subject::of(certificate))).as_bytes())
        };
        let value = match value {
            TlsValue::Version => match self.version {
                Some(ProtocolVersion::TLSv1_3) => Some(&b"TLSv1.3"[..]),
                Some(ProtocolVersion::TLSv1_2) => Some(&b"TLSv1.2"[..]),
                _ => None,
            },
            // The IANA name has no "13" in it.
            TlsValue::Cipher => match self.cipher.strip_prefix("TLS13_") {
                Some(rest) => {
                    out.extend_from_slice(b"TLS_");
                    Some(rest.as_bytes())
                }
                None => Some(self.cipher.as_bytes()),
            },
            TlsValue::Resumed => Some(if self.resumed { &b"true"[..] } else { &b"false"[..] }),
            TlsValue::ServerName => self.server_name.as_ref().map(|name| name.as_bytes()),
            TlsValue::Alpn => match self.protocol {
                Protocol::Unsaid => None,
                Protocol::Http10 => Some(&b"http/1.0"[..]),
                Protocol::Http1 => Some(&b"http/1.1"[..]),
                Protocol::Http2 => Some(&b"h2"[..]),
            },
            TlsValue::ClientVerify => match &self.certificate {
                Some(_) => Some(&b"SUCCESS"[..]),
                None => Some(&b"NONE"[..]),
            },
            TlsValue::ClientSubject => subject(|certificate| &certificate.subject),
            TlsValue::ClientIssuer => subject(|certificate| &certificate.issuer),
            TlsValue::ClientSerial => subject(|certificate| &certificate.serial),
            TlsValue::ClientFingerprint => subject(|certificate| &certificate.fingerprint),
            TlsValue::ClientNames => subject(|certificate| &certificate.names),
        };
        out.extend_from_slice(value.unwrap_or_default());
    }
}
