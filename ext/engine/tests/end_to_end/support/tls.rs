//! A TLS client that trusts every server and tells what it was shown.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, HandshakeKind, SignatureScheme, StreamOwned,
};

use super::PATIENCE;

/// What a client says in its handshake. Clients with a clone of it return with their sessions.
#[derive(Clone)]
pub(crate) struct TlsClient(ClientConfig);

/// A connection after its handshake.
pub(crate) struct TlsPeer(StreamOwned<ClientConnection, TcpStream>);

impl TlsClient {
    pub(crate) fn new() -> Self {
        Self::with(None)
    }

    /// A client with a certificate: its key and itself in PEM.
    pub(crate) fn with_certificate(pem: &str) -> Self {
        Self::with(Some(pem))
    }

    fn with(pem: Option<&str>) -> Self {
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().expect("versions");
        let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(TrustsAll));
        Self(match pem {
            Some(pem) => {
                let own = CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate");
                let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).expect("a key");
                builder.with_client_auth_cert(vec![own], key).expect("they match")
            }
            None => builder.with_no_client_auth(),
        })
    }

    /// Offers these protocols.
    pub(crate) fn offering(mut self, protocols: &[&str]) -> Self {
        self.0.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        self
    }

    /// Does a handshake for a host; without one it names none.
    pub(crate) fn connect(&self, address: &str, host: Option<&str>) -> io::Result<TlsPeer> {
        let mut socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut config = self.0.clone();
        config.enable_sni = host.is_some();
        let name = ServerName::try_from(host.unwrap_or("unnamed").to_owned()).expect("a name");
        let mut connection = ClientConnection::new(Arc::new(config), name).expect("a client");
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        Ok(TlsPeer(StreamOwned::new(connection, socket)))
    }

    /// The certificate that is shown for a host, or why there is none.
    pub(crate) fn shown(&self, address: &str, host: Option<&str>) -> Result<Vec<u8>, String> {
        self.connect(address, host).map(|peer| peer.certificate()).map_err(|error| error.to_string())
    }
}

impl TlsPeer {
    /// The certificate of the server.
    pub(crate) fn certificate(&self) -> Vec<u8> {
        self.0.conn.peer_certificates().expect("a certificate")[0].to_vec()
    }

    pub(crate) fn is_resumed(&self) -> bool {
        self.0.conn.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// The protocol that was agreed on.
    pub(crate) fn protocol(&self) -> Option<String> {
        self.0.conn.alpn_protocol().map(|protocol| String::from_utf8_lossy(protocol).into_owned())
    }

    /// The response to a request for a host, as the last on its connection.
    pub(crate) fn get(self, host: &str, path: &str) -> String {
        self.try_get(host, path).expect("a response")
    }

    /// The same, where the server may end the connection instead.
    pub(crate) fn try_get(mut self, host: &str, path: &str) -> io::Result<String> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        self.0.write_all(request.as_bytes())?;
        self.try_rest()
    }

    /// All bytes up to the end.
    pub(crate) fn rest(self) -> String {
        self.try_rest().expect("closed in order")
    }

    fn try_rest(mut self) -> io::Result<String> {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

#[derive(Debug)]
struct TrustsAll;

impl ServerCertVerifier for TrustsAll {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
