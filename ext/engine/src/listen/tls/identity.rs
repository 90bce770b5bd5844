//! The server's certificate, its chain of intermediates, and its key.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use super::ocsp;
use crate::compile::Report;
use crate::config::Certificate;
use crate::pem;

/// Time before the end of a certificate from which a warning is given.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// A certificate with its key, ready to use.
#[derive(Debug)]
pub(crate) struct ServerCertificate {
    pub(super) key: CertifiedKey,
    /// Names in the certificate.
    pub(super) names: Vec<String>,
    valid: (SystemTime, SystemTime),
    /// Whether the certificate has no names in the form that clients check. A certificate of a version before 3 cannot
    /// have them.
    nameless: bool,
}

impl ServerCertificate {
    /// Combines a chain and its key. The first certificate is the server's own.
    pub(crate) fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        provider: &CryptoProvider,
    ) -> Result<Self, rustls::Error> {
        let key = CertifiedKey::new(chain, provider.key_provider.load_private_key(key)?);
        let own = facts(key.end_entity_cert()?)?;
        // rustls compares the keys too, but refuses to parse a certificate of version 1.
        if key.key.public_key().is_some_and(|public| *public != *own.public_key) {
            return Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch));
        }
        Ok(Self { names: own.names, valid: own.valid, nameless: own.nameless, key })
    }

    /// Reads the files. `None` if they are unusable.
    pub(super) fn read(spec: &Certificate, provider: &CryptoProvider, report: &mut Report<'_>) -> Option<Self> {
        let path = &spec.certificate;
        let key_path = spec.key.as_deref().unwrap_or(path);
        let chain = report.ok(pem::certificates("certificate", path));
        // A separate key file is read even if the certificate file is wrong.
        let key = match (&spec.key, &chain) {
            (None, None) => None,
            (None, Some(_)) => report.ok(pem::private_key("certificate", path)
                .map_err(|message| format!("{message}; or name the file of its key with `key`"))),
            (Some(_), _) => report.ok(pem::private_key("key", key_path)),
        };
        let ocsp = report.ok(spec.ocsp.as_deref().map(|path| pem::read("ocsp", path)).transpose());
        let made = Self::new(chain?, key?, provider);
        let mut identity = report.ok(made.map_err(|error| mismatch(path, key_path, &error)))?;
        identity.key.ocsp = ocsp?;
        Some(identity)
    }

    /// Checks the OCSP response in the file at `path`. A response that is out of date or about something else is not
    /// stapled: it would make clients refuse the certificate. The error says what to write instead.
    pub(super) fn check_staple(&mut self, path: &str, now: SystemTime) -> Result<Option<String>, String> {
        let (Some(answer), Ok(own)) = (&self.key.ocsp, self.key.end_entity_cert()) else { return Ok(None) };
        let found = ocsp::read(answer, own, now).map_err(|wrong| match wrong {
            ocsp::Wrong::NoAnswer => {
                format!("ocsp: {path:?} is not an OCSP response in DER: get one with openssl ocsp -respout {path}")
            }
            ocsp::Wrong::Failed(reason) => {
                format!("ocsp: {path:?} says that the authority could not answer ({reason}): ask it again")
            }
            ocsp::Wrong::Another => {
                format!("ocsp: {path:?} is about another certificate: ask the authority about this one")
            }
        })?;
        let warning = match found {
            ocsp::Answer::Good => return Ok(None),
            ocsp::Answer::Revoked => {
                return Ok(Some(format!(
                    "ocsp: {path:?} says that the certificate was revoked: clients will refuse it; get a new one"
                )))
            }
            ocsp::Answer::Unknown => "says that the authority does not know the certificate",
            ocsp::Answer::Expired => "is out of date",
            ocsp::Answer::Early => "is not valid yet",
        };
        self.key.ocsp = None;
        Ok(Some(format!("ocsp: {path:?} {warning}, and is not sent: get another with openssl ocsp -respout {path}")))
    }

    /// Names in the certificate, and the end of its validity.
    pub(super) fn validity(&self) -> (Arc<[String]>, SystemTime) {
        (self.names.clone().into(), self.valid.1)
    }

    /// The problem with its version or its validity: not yet valid, expired, or expiring soon.
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
            self.nameless.then(|| {
                format!(
                    "certificate: {path:?} has no subjectAltName: most clients will refuse it; make one \
                     with -addext \"subjectAltName=DNS:example.com\""
                )
            })
        }
    }

    /// Whether a client that connects to `domain` would accept the certificate.
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

/// The parsed content of a certificate.
struct Facts {
    names: Vec<String>,
    valid: (SystemTime, SystemTime),
    public_key: Vec<u8>,
    nameless: bool,
}

fn facts(certificate: &CertificateDer<'_>) -> Result<Facts, rustls::Error> {
    let (_, certificate) = X509Certificate::from_der(certificate)
        .map_err(|_| rustls::Error::InvalidCertificate(rustls::CertificateError::BadEncoding))?;
    let names = certificate.subject_alternative_name().ok().flatten().map(|names| {
        let names = names.value.general_names.iter();
        names
            .filter_map(|name| if let GeneralName::DNSName(name) = name { Some((*name).to_owned()) } else { None })
            .collect()
    });
    let moment = |seconds: i64| UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    let validity = certificate.validity();
    Ok(Facts {
        names: names.unwrap_or_default(),
        valid: (moment(validity.not_before.timestamp()), moment(validity.not_after.timestamp())),
        public_key: certificate.public_key().raw.to_vec(),
        nameless: certificate.subject_alternative_name().ok().flatten().is_none(),
    })
}

/// Why a certificate and a key do not match, or cannot be used at all.
fn mismatch(path: &str, key: &str, error: &rustls::Error) -> String {
    match error {
        rustls::Error::InconsistentKeys(_) => {
            format!(
                "key: {key:?} is not the key of the first certificate in {path:?}: write the server's own \
                 certificate first, and its key"
            )
        }
        rustls::Error::InvalidCertificate(_) => {
            format!("certificate: the first certificate in {path:?} is damaged: get it again from whoever issued it")
        }
        error => format!("certificate {path:?} and key {key:?} cannot be used: {error}"),
    }
}

#[cfg(test)]
mod tests;
