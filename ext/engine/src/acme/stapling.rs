//! OCSP responses for managed certificates whose authorities still have them (RFC 6960): fetched in the background,
//! sent along with handshakes while they are good.

mod request;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::Request;
use parking_lot::Mutex;
use rustls::sign::CertifiedKey;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use x509_parser::prelude::FromDer;
use xxhash_rust::xxh3::xxh3_64;

use crate::certificates::managed::ManagedCertificates;
use crate::clock::time_of_day;
use crate::control::client::{ClientSettings, HttpClient};
use crate::listen::tls::ocsp;
use crate::log::Log;
use crate::panics::enduring;
use request::OcspRequest;

/// Time between two looks at the certificates in memory.
const ROUND: Duration = Duration::from_secs(60);
/// Time after which a responder is asked again that did not help.
const RETRY: Duration = Duration::from_secs(60 * 60);
/// Life of a certificate from which on its status matters: shorter ones expire before a revocation is noticed.
const SHORTEST_LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Time for the answer of a responder.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// Who fetches OCSP responses.
#[derive(Debug, Default)]
pub(crate) struct Stapler(Mutex<Option<AbortHandle>>);

impl Stapler {
    /// Fetches no more responses.
    pub(crate) fn stop(&self) {
        if let Some(task) = self.0.lock().take() {
            task.abort();
        }
    }

    /// Fetches responses for these certificates from now on. Once is enough.
    pub(crate) fn start(&self, certificates: &Arc<ManagedCertificates>, background: &Handle, log: &Arc<Log>) {
        let mut task = self.0.lock();
        if task.is_none() {
            let (certificates, told) = (Arc::clone(certificates), Arc::clone(log));
            let work = move || run(Arc::clone(&certificates), Arc::clone(&told));
            let fetching = enduring("the fetch of OCSP responses", Arc::clone(log), work);
            *task = Some(background.spawn(fetching).abort_handle());
        }
    }
}

async fn run(certificates: Arc<ManagedCertificates>, log: Arc<Log>) {
    let settings = ClientSettings { ca_file: None, timeout: TIMEOUT, max_body: MAX_BODY };
    let client = match HttpClient::new(settings) {
        Ok(client) => client,
        Err(error) => return log.warn(format_args!("OCSP responses cannot be fetched: {error}")),
    };
    let mut staples = Staples { client, known: HashMap::new() };
    loop {
        staples.round(&certificates, &log).await;
        tokio::time::sleep(ROUND).await;
    }
}

/// The responses so far, by subject.
struct Staples {
    client: HttpClient,
    known: HashMap<Arc<str>, Staple>,
}

/// What is known of the status of one certificate.
struct Staple {
    /// Hash of the certificate.
    certificate: u64,
    /// The last good response, and until when it is valid.
    response: Option<(Vec<u8>, SystemTime)>,
    /// When the responder is asked again. `None`: there is no responder.
    due: Option<SystemTime>,
}

impl Staples {
    async fn round(&mut self, certificates: &ManagedCertificates, log: &Log) {
        let in_memory = certificates.in_memory();
        let mut known = std::mem::take(&mut self.known);
        for (subject, key) in in_memory {
            let now = time_of_day();
            let Some(own) = key.cert.first() else { continue };
            let hash = xxh3_64(own);
            let before = known.remove(&subject).filter(|staple| staple.certificate == hash);
            let mut staple = before.unwrap_or_else(|| Staple {
                certificate: hash,
                response: None,
                due: is_worthwhile(&key).then_some(now),
            });
            if staple.due.is_some_and(|due| due <= now) {
                match self.fetch(&key, now).await {
                    Ok((response, next, until)) => {
                        (staple.response, staple.due) = (Some((response, until)), Some(next));
                    }
                    Err(why) => {
                        log.warn(format_args!("no OCSP response for the certificate of {subject}: {why}"));
                        staple.due = Some(now + RETRY);
                    }
                }
            }
            staple.response = staple.response.filter(|(_, until)| now < *until);
            let response = staple.response.as_ref().map(|(response, _)| response);
            if key.ocsp.as_ref() != response {
                certificates.staple(&subject, &key, response.cloned());
            }
            self.known.insert(subject, staple);
        }
    }

    /// A good response, when to ask for another, and until when it is valid. The error is for a person.
    async fn fetch(&self, key: &CertifiedKey, now: SystemTime) -> Result<(Vec<u8>, SystemTime, SystemTime), String> {
        let [own, issuer, ..] = &key.cert[..] else { return Err("its chain has no issuer".into()) };
        let Some(OcspRequest { url, body }) = OcspRequest::about(&key.cert) else {
            return Err("it names no responder".into());
        };
        let request = Request::post(&url).header(CONTENT_TYPE, "application/ocsp-request").body(Bytes::from(body));
        let request = request.map_err(|error| format!("its responder {url:?} cannot be asked: {error}"))?;
        let answer = self.client.send(request).await.map_err(|error| error.to_string())?;
        if answer.status() != 200 {
            return Err(format!("{url} answered with the status {}", answer.status().as_u16()));
        }
        let response = answer.into_body().to_vec();
        match ocsp::read(&response, own, now) {
            Ok(ocsp::Answer::Good) => {}
            Ok(ocsp::Answer::Revoked) => {
                return Err("it was revoked: clients will refuse it; renew it with `proxy certificates renew`".into());
            }
            Ok(ocsp::Answer::Unknown) => return Err(format!("{url} does not know it")),
            Ok(ocsp::Answer::Expired | ocsp::Answer::Early) => {
                return Err(format!("what {url} says is not valid now: is the clock right?"));
            }
            Err(ocsp::Wrong::Failed(reason)) => return Err(format!("{url} could not answer: {reason}")),
            Err(ocsp::Wrong::NoAnswer | ocsp::Wrong::Another) => {
                return Err(format!("what {url} says is no OCSP response about it"));
            }
        }
        if !ocsp::is_signed_by(&response, issuer, now) {
            return Err(format!("what {url} says is not signed by its issuer"));
        }
        // Without an end it is the state of now, and there is always a newer one.
        let (from, until) = ocsp::validity(&response, own).unwrap_or((now, now + 2 * RETRY));
        let half = until.duration_since(from).unwrap_or_default() / 2;
        Ok((response, (from + half).max(now + ROUND), until))
    }
}

/// Whether a certificate names a responder, and lives long enough for its status to matter.
fn is_worthwhile(key: &CertifiedKey) -> bool {
    let own = key.cert.first().and_then(|own| x509_parser::certificate::X509Certificate::from_der(own).ok());
    let Some((_, own)) = own else { return false };
    let moment = |seconds: i64| UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    let (from, until) = (moment(own.validity().not_before.timestamp()), moment(own.validity().not_after.timestamp()));
    until.duration_since(from).unwrap_or_default() >= SHORTEST_LIFE && OcspRequest::about(&key.cert).is_some()
}

#[cfg(test)]
mod tests;
