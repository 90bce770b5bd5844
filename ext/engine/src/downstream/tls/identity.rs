//! What the server shows of itself: a certificate, those that lead to its root, and its key.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::config::Certificate;
use crate::pem;

/// A certificate that ends sooner than this is worth a warning.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// A certificate, ready to be shown.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(super) key: CertifiedKey,
    /// The names that it was made for.
    pub(super) names: Vec<String>,
    valid: (SystemTime, SystemTime),
}

impl Identity {
    /// Puts a chain and its key together. The first certificate is the server's own.
    pub(crate) fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        provider: &CryptoProvider,
    ) -> Result<Self, rustls::Error> {
        let key = CertifiedKey::from_der(chain, key, provider)?;
        let (names, valid) = key.end_entity_cert().ok().and_then(|own| facts(own)).unwrap_or_default();
        Ok(Self { key, names, valid: valid.unwrap_or((UNIX_EPOCH, SystemTime::now() + 2 * SOON)) })
    }

    /// Reads the files. `None` if they are of no use; `report` is told why.
    pub(super) fn read(spec: &Certificate, provider: &CryptoProvider, report: &mut dyn FnMut(String)) -> Option<Self> {
        let path = &spec.certificate;
        let key_path = spec.key.as_deref().unwrap_or(path);
        let chain = pem::certificates("certificate", path).map_err(&mut *report);
        // A file of its own is read even if the other one is wrong.
        let key = match (&spec.key, &chain) {
            (None, Err(())) => Err(()),
            (None, Ok(_)) => pem::private_key("certificate", path)
                .map_err(|message| report(format!("{message}; or name the file of its key with `key`"))),
            (Some(_), _) => pem::private_key("key", key_path).map_err(&mut *report),
        };
        let ocsp = spec.ocsp.as_deref().map(staple).transpose().map_err(&mut *report);
        let made = Self::new(chain.ok()?, key.ok()?, provider);
        let mut identity = made.map_err(|error| report(mismatch(path, key_path, &error))).ok()?;
        identity.key.ocsp = ocsp.ok()?;
        Some(identity)
    }

    /// What is wrong with its time: not yet begun, over, or soon to be.
    pub(super) fn warning(&self, path: &str, now: SystemTime) -> Option<String> {
        let (from, until) = self.valid;
        let day = |moment| httpdate::fmt_http_date(moment);
        if now < from {
            Some(format!("certificate: {path:?} is not valid before {}: clients will refuse it until then", day(from)))
        } else if now > until {
            Some(format!("certificate: {path:?} expired on {}: clients will refuse it; renew it", day(until)))
        } else if until.duration_since(now).is_ok_and(|left| left < SOON) {
            Some(format!("certificate: {path:?} expires on {}: renew it", day(until)))
        } else {
            None
        }
    }

    /// Whether a client that asks for `domain` would accept it.
    pub(super) fn covers(&self, domain: &str) -> bool {
        let domain = domain.strip_suffix('.').unwrap_or(domain);
        let parent = domain.split_once('.').map(|(_, parent)| parent);
        self.names.iter().any(|name| {
            name.eq_ignore_ascii_case(domain)
                || name
                    .strip_prefix("*.")
                    .zip(parent)
                    .is_some_and(|(suffix, parent)| suffix.eq_ignore_ascii_case(parent))
        })
    }
}

type Facts = (Vec<String>, Option<(SystemTime, SystemTime)>);

/// The names in a certificate, and from when until when it is valid.
fn facts(certificate: &CertificateDer<'_>) -> Option<Facts> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let names = certificate.subject_alternative_name().ok().flatten().map(|names| {
        let names = names.value.general_names.iter();
        names
            .filter_map(|name| if let GeneralName::DNSName(name) = name { Some((*name).to_owned()) } else { None })
            .collect()
    });
    let moment = |seconds: i64| UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    let validity = certificate.validity();
    let valid = (moment(validity.not_before.timestamp()), moment(validity.not_after.timestamp()));
    Some((names.unwrap_or_default(), Some(valid)))
}

/// Reads what an authority says of a certificate. It is passed on as it is: whether it is right is for clients to see.
fn staple(path: &str) -> Result<Vec<u8>, String> {
    let bytes = pem::read("ocsp", path)?;
    // A sequence that begins with the status "successful" (RFC 6960, section 4.2.1).
    let header = match bytes.get(..2) {
        Some([0x30, length]) if *length > 0x80 => 2 + usize::from(length & 0x7f),
        Some([0x30, _]) => 2,
        _ => 0,
    };
    if header > 0 && bytes.get(header..).is_some_and(|rest| rest.starts_with(&[0x0a, 1, 0])) {
        return Ok(bytes);
    }
    Err(format!("ocsp: {path:?} is no answer of an authority in DER: get one with openssl ocsp -respout {path}"))
}

/// Why a certificate and a key do not go together, or cannot be used at all.
fn mismatch(path: &str, key: &str, error: &rustls::Error) -> String {
    match error {
        rustls::Error::InconsistentKeys(_) => {
            format!("key: {key:?} is not the key of the first certificate in {path:?}: write the server's own certificate first, and its key")
        }
        error => format!("certificate {path:?} and key {key:?} cannot be used: {error}"),
    }
}

#[cfg(test)]
mod tests;
