//! What an authority has issued, looked at before it is used.

use std::time::{Duration, SystemTime};

use rcgen::KeyPair;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;

use crate::civil_time::CivilTime;

/// Whether this chain, in PEM, is what was ordered: for these names and this key, and valid at `now`. The error says
/// what is wrong with it.
pub(super) fn check(chain: &str, names: &[String], key: &KeyPair, now: SystemTime) -> Result<(), String> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(chain.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| format!("it cannot be read: {error}"))?;
    let Some(own) = certificates.first() else { return Err("there is no certificate in it".into()) };
    let (_, parsed) =
        x509_parser::parse_x509_certificate(own).map_err(|error| format!("it cannot be read: {error}"))?;
    // Clients refuse the handshake over any of them that cannot be read.
    for above in &certificates[1..] {
        x509_parser::parse_x509_certificate(above)
            .map_err(|error| format!("a certificate above it cannot be read: {error}"))?;
    }
    let found = parsed.subject_alternative_name().ok().flatten().map(|found| &found.value.general_names);
    let has = |name: &String| {
        found.is_some_and(|found| {
            found.iter().any(|found| matches!(found, GeneralName::DNSName(found) if found.eq_ignore_ascii_case(name)))
        })
    };
    if let Some(name) = names.iter().find(|name| !has(name)) {
        return Err(format!("it is not for {name}"));
    }
    let until = moment(parsed.validity().not_after.timestamp());
    if until <= now {
        return Err(format!("it has ended at {}", shown(until)));
    }
    let der = PrivatePkcs8KeyDer::from(key.serialize_der());
    let signing = any_supported_type(&der.into()).map_err(|error| format!("its key cannot be used: {error}"))?;
    match CertifiedKey::new(certificates, signing).keys_match() {
        Ok(()) => Ok(()),
        Err(_) => Err("it is for another key".into()),
    }
}

/// Whether two chains begin with the same certificate.
pub(super) fn is_same(one: &[u8], other: &[u8]) -> bool {
    let first = |pem| CertificateDer::pem_slice_iter(pem).next().and_then(Result::ok);
    first(one).is_some_and(|one| first(other) == Some(one))
}

fn moment(seconds: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

fn shown(moment: SystemTime) -> String {
    let mut text = Vec::new();
    CivilTime::of(moment).write_rfc3339(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests;
