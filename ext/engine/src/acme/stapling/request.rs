//! An OCSP request (RFC 6960, section 4.1), and where it is to be sent.

use aws_lc_rs::digest::{digest, SHA1_FOR_LEGACY_USE_ONLY};
use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::OID_PKIX_ACCESS_DESCRIPTOR_OCSP;
use x509_parser::prelude::FromDer;

const SEQUENCE: u8 = 0x30;
const OCTETS: u8 = 0x04;
const INTEGER: u8 = 0x02;
/// AlgorithmIdentifier of SHA-1, the only digest that all responders know.
const SHA1: [u8; 11] = [0x30, 9, 6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0];

/// What to ask whom about a certificate.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OcspRequest {
    pub(super) url: String,
    /// In DER.
    pub(super) body: Vec<u8>,
}

impl OcspRequest {
    /// The request about the first certificate of a chain. `None` if it names no responder, or the chain has no issuer.
    pub(super) fn about(chain: &[CertificateDer<'_>]) -> Option<Self> {
        let [own, issuer, ..] = chain else { return None };
        let (_, own) = X509Certificate::from_der(own).ok()?;
        let url = responder(&own)?;
        let (_, issuer) = X509Certificate::from_der(issuer).ok()?;
        let hash = |bytes: &[u8]| digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes);
        let (name, key) = (hash(own.issuer().as_raw()), hash(&issuer.public_key().subject_public_key.data));
        let id = [&SHA1[..], &der(OCTETS, name.as_ref()), &der(OCTETS, key.as_ref()), &der(INTEGER, own.raw_serial())]
            .concat();
        // CertID, Request, requestList, TBSRequest, OCSPRequest.
        let body = (0..5).fold(id, |content, _| der(SEQUENCE, &content));
        Some(Self { url, body })
    }
}

/// The responder that a certificate names (RFC 5280, section 4.2.2.1).
fn responder(certificate: &X509Certificate<'_>) -> Option<String> {
    let access = certificate.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityInfoAccess(access) => Some(access),
        _ => None,
    });
    access?.accessdescs.iter().find_map(|one| match &one.access_location {
        GeneralName::URI(url) if one.access_method == OID_PKIX_ACCESS_DESCRIPTOR_OCSP => Some((*url).to_owned()),
        _ => None,
    })
}

/// An element of less than 64 KiB.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes();
    let head = match (high, low) {
        (0, low @ 0..=0x7f) => vec![tag, low],
        (0, low) => vec![tag, 0x81, low],
        (high, low) => vec![tag, 0x82, high, low],
    };
    [&head, content].concat()
}
