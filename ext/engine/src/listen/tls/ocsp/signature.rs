//! The signature of an OCSP response.

use std::time::SystemTime;

use rustls::crypto::aws_lc_rs::default_provider;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::{ASN1Time, FromDer};
use x509_parser::x509::SubjectPublicKeyInfo;

use super::{basic, element, take, SEQUENCE};

const BIT_STRING: u8 = 0x03;

/// Whether the response was signed by the issuer of a certificate, or by a responder that it has certified for that
/// (RFC 6960, section 4.2.2.2). `issuer` is the issuer's certificate.
pub(crate) fn is_signed_by(answer: &[u8], issuer: &[u8], now: SystemTime) -> bool {
    verify(answer, issuer, now).is_some()
}

fn verify(answer: &[u8], issuer: &[u8], now: SystemTime) -> Option<()> {
    let basic = basic(answer)?;
    let (_, _, rest) = element(basic)?;
    let data = basic.get(..basic.len() - rest.len())?;
    let (algorithm, rest) = take(rest, SEQUENCE)?;
    let (signature, rest) = take(rest, BIT_STRING)?;
    let signed = Signed { data, algorithm, signature: signature.split_first()?.1 };
    let (_, issuer) = X509Certificate::from_der(issuer).ok()?;
    if signed.verify(issuer.public_key()).is_some() {
        return Some(());
    }
    // A list of certificates, of which the first is the responder's.
    let (delegates, _) = take(take(rest, 0xa0)?.0, SEQUENCE)?;
    let (_, delegate) = X509Certificate::from_der(delegates).ok()?;
    let time = i64::try_from(now.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs()).ok()?;
    let may_sign = delegate.extended_key_usage().ok()??.value.ocsp_signing;
    let is_valid = delegate.validity().is_valid_at(ASN1Time::from_timestamp(time).ok()?);
    if !may_sign || !is_valid || delegate.issuer().as_raw() != issuer.subject().as_raw() {
        return None;
    }
    let (certificate, _) = take(delegates, SEQUENCE)?;
    let (_, _, rest) = element(certificate)?;
    let (algorithm, _) = take(rest, SEQUENCE)?;
    let certified =
        Signed { data: delegate.tbs_certificate.as_ref(), algorithm, signature: &delegate.signature_value.data };
    certified.verify(issuer.public_key())?;
    signed.verify(delegate.public_key())
}

/// Bytes and their signature. `algorithm` is the content of the AlgorithmIdentifier.
struct Signed<'a> {
    data: &'a [u8],
    algorithm: &'a [u8],
    signature: &'a [u8],
}

impl Signed<'_> {
    fn verify(&self, key: &SubjectPublicKeyInfo<'_>) -> Option<()> {
        let (key_algorithm, _) = take(take(key.raw, SEQUENCE)?.0, SEQUENCE)?;
        let known = default_provider().signature_verification_algorithms.all;
        let mut fitting = known.iter().filter(|known| {
            known.signature_alg_id().as_ref() == self.algorithm && known.public_key_alg_id().as_ref() == key_algorithm
        });
        let key = &key.subject_public_key.data;
        fitting.any(|known| known.verify_signature(key, self.data, self.signature).is_ok()).then_some(())
    }
}
