//! What is known of a TLS connection with a client, for string rewrites, logs and policies.

use std::sync::{Arc, OnceLock};

use rustls::pki_types::CertificateDer;
use rustls::{ProtocolVersion, ServerConnection};

use super::subject::Subject;
use super::TlsServer;
use crate::listen::BindKey;

/// One connection. It is made once, and what it says of a certificate is found out when somebody asks.
#[derive(Debug)]
pub(crate) struct TlsDetails {
    /// Where the client came to, and what was said there at the time.
    pub(crate) bind: BindKey,
    server: Arc<TlsServer>,
    /// Which of its certificates the client was shown.
    site: usize,
    server_name: Option<Box<str>>,
    version: Option<ProtocolVersion>,
    /// As rustls calls it.
    cipher: &'static str,
    protocol: Protocol,
    /// The client's certificate, which was found to be good.
    certificate: Option<CertificateDer<'static>>,
    subject: OnceLock<Subject>,
}

/// A value that string rewrites and logs can show of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsValue {
    /// `TLSv1.2` or `TLSv1.3`.
    Version,
    /// The cipher suite, as the registry calls it.
    Cipher,
    /// The server name of the handshake (SNI).
    ServerName,
    /// The protocol that ALPN came to.
    Alpn,
    /// `SUCCESS` if the client showed a certificate, or else `NONE`.
    ClientVerify,
    /// Of the client's certificate: its subject.
    ClientSubject,
    /// Who signed it.
    ClientIssuer,
    /// Its serial number.
    ClientSerial,
    /// The SHA-256 of it.
    ClientFingerprint,
    /// Its subject alternative names.
    ClientNames,
}

/// What ALPN came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// The client did not say.
    Unsaid,
    /// HTTP/1.0, from a client that offers nothing newer.
    Http10,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

impl TlsDetails {
    /// What a handshake came to.
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
            certificate: connection.peer_certificates().and_then(|chain| chain.first()).cloned(),
            subject: OnceLock::new(),
        }
    }

    /// What the client and we agreed to speak.
    pub(crate) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Whether a request for `host` may come over this connection. `now` is how TLS is spoken at its bind by the
    /// configuration of this moment; `None` if the bind is no longer there.
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

    /// Appends a value; nothing if there is none.
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
            // The name of the registry, which has no 13 in it.
            TlsValue::Cipher => match self.cipher.strip_prefix("TLS13_") {
                Some(rest) => {
                    out.extend_from_slice(b"TLS_");
                    Some(rest.as_bytes())
                }
                None => Some(self.cipher.as_bytes()),
            },
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
