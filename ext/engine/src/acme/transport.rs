//! HTTP for instant-acme, which keeps what that crate forgets of a response: status, `Retry-After`, and details of
//! challenges that it does not know.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt;
use instant_acme::{BodyWrapper, BytesResponse};
use parking_lot::Mutex;
use serde::Deserialize;

use super::directory::{is_safe, Directory};
use crate::clock::time_of_day;
use crate::control::client::{ClientError, HttpClient};

/// What the responses to one order have said. Orders do not share it.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Status of the last response. `None`: there was no response to the last request.
    pub(super) status: Option<StatusCode>,
    /// When to ask again, as the last response says.
    pub(super) retry_after: Option<SystemTime>,
    /// Media type of the last response.
    pub(super) content_type: Option<String>,
    /// URL of what the last request has made.
    pub(super) location: Option<String>,
    /// Time of day at the authority, less that of this machine, in seconds.
    pub(super) skew: i64,
    /// Names of the issuers that dns-persist-01 challenges accept, by the URL of the challenge.
    pub(super) issuers: HashMap<String, Vec<String>>,
}

/// An `HttpClient` for instant-acme.
pub(super) struct Transport {
    client: HttpClient,
    directory: Arc<Directory>,
    seen: Arc<Mutex<Seen>>,
}

impl Transport {
    /// `seen` hears of every response.
    pub(super) fn new(client: &HttpClient, directory: &Arc<Directory>, seen: &Arc<Mutex<Seen>>) -> Box<Self> {
        Box::new(Self { client: client.clone(), directory: Arc::clone(directory), seen: Arc::clone(seen) })
    }
}

impl instant_acme::HttpClient for Transport {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, instant_acme::Error>> + Send>> {
        let (client, seen) = (self.client.clone(), Arc::clone(&self.seen));
        // It was read before, and looked at: instant-acme does not look at its status.
        let known = (*request.uri() == self.directory.url).then(|| self.directory.body.clone());
        let unsafe_url = (!is_safe(&self.directory.url, request.uri())).then(|| request.uri().to_string());
        Box::pin(async move {
            if let Some(body) = known {
                let (parts, ()) = Response::new(()).into_parts();
                return Ok(BytesResponse { parts, body: Box::new(body) });
            }
            seen.lock().status = None;
            if let Some(url) = unsafe_url {
                let why = format!("it wants {url:?} to be asked, which is no URL that is as safe as its directory's");
                return Err(instant_acme::Error::Other(Box::new(ClientError(why))));
            }
            let (head, body) = request.into_parts();
            // The body is in memory: its error cannot happen.
            let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            let sent = client.send(Request::from_parts(head, body)).await;
            let answer = sent.map_err(|error| instant_acme::Error::Other(Box::new(error)))?;
            seen.lock().note(&answer);
            let (parts, body) = answer.into_parts();
            Ok(BytesResponse { parts, body: Box::new(body) })
        })
    }
}

impl Seen {
    /// Keeps what the next step may need.
    pub(super) fn note(&mut self, answer: &Response<Bytes>) {
        let text = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        self.status = Some(answer.status());
        self.content_type = text(CONTENT_TYPE);
        self.location = text(LOCATION);
        self.retry_after = retry_after(answer.headers(), time_of_day());
        if let Some(theirs) = date(answer.headers(), DATE.as_str()) {
            self.skew = seconds(theirs) - seconds(time_of_day());
        }
        if let Ok(authorization) = serde_json::from_slice::<RawAuthorization>(answer.body()) {
            for challenge in authorization.challenges {
                if !challenge.issuers.is_empty() {
                    self.issuers.insert(challenge.url, challenge.issuers);
                }
            }
        }
    }

    /// The time of day at the authority.
    pub(super) fn their_time(&self) -> SystemTime {
        let skew = Duration::from_secs(self.skew.unsigned_abs());
        let now = time_of_day();
        let shifted = if self.skew < 0 { now.checked_sub(skew) } else { now.checked_add(skew) };
        shifted.unwrap_or(now)
    }
}

/// Longest time that an authority can make an order wait: that of the longest limits in use. The time outlives the
/// process, so that a mistaken one would cost the certificate.
const LONGEST_WAIT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// When to ask again (RFC 9110, section 10.2.3). A date is that of the authority's clock, so it counts from the date of
/// the response.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<SystemTime> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        // A number that no integer holds.
        Err(_) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => LONGEST_WAIT,
        Err(_) => {
            let until = date(headers, RETRY_AFTER.as_str())?;
            until.duration_since(date(headers, DATE.as_str()).unwrap_or(now)).unwrap_or_default()
        }
    };
    now.checked_add(wait.min(LONGEST_WAIT))
}

fn date(headers: &HeaderMap, name: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()
}

fn seconds(moment: SystemTime) -> i64 {
    let since = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// An authorization, as far as instant-acme does not read it.
#[derive(Deserialize)]
struct RawAuthorization {
    challenges: Vec<RawChallenge>,
}

#[derive(Deserialize)]
struct RawChallenge {
    url: String,
    #[serde(default, rename = "issuer-domain-names")]
    issuers: Vec<String>,
}

#[cfg(test)]
mod tests;
