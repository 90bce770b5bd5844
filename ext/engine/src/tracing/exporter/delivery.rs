//! One batch on its way to the collector, by the rules of OTLP: what may be sent again, and when.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::Response;
use tokio::time::Instant;

use super::task::{Batch, ExportTask};
use crate::control::client::ClientError;

/// Times that a batch is sent, at most.
const TRIES: u32 = 6;
/// Pause after the first failure. It doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause that a collector may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);
/// Time between two lines of the log about spans that are lost, and between two of what the collector says of them.
const QUIET: Duration = Duration::from_secs(60);
/// Characters that are logged of a collector's message, at most.
const LONGEST_MESSAGE: usize = 256;

/// What the log knows of the collector's state.
#[derive(Debug, Default)]
pub(super) struct Outage {
    /// Whether the last exchange failed.
    failing: bool,
    /// Lost spans that the log has told of.
    told: u64,
    told_at: Option<Instant>,
    /// When a message of the collector was logged.
    quoted_at: Option<Instant>,
}

/// What came of sending a batch once.
#[derive(Debug, PartialEq, Eq)]
enum Delivery {
    /// The collector has it, except for so many spans that it did not like. It may have something to say about that,
    /// or if it has all.
    Taken { rejected: u64, message: Option<String> },
    /// It may be sent again, after a pause if the collector has said one.
    Later(String, Option<Duration>),
    /// It is of no use to send it again.
    Refused(String),
}

impl ExportTask {
    /// Sends a batch, again and again if that may help. In the end it is delivered, or lost and counted.
    pub(super) async fn deliver(&mut self, batch: Batch) {
        let mut pause = FIRST_PAUSE;
        let mut left = TRIES;
        let spans = batch.spans as u64;
        loop {
            let answer = self.destination.client.send(self.destination.request(&batch)).await;
            left -= 1;
            match judge(answer, SystemTime::now()) {
                Delivery::Taken { rejected, message } => {
                    let rejected = rejected.min(spans);
                    self.counts.sent.fetch_add(spans - rejected, Relaxed);
                    self.counts.lost.fetch_add(rejected, Relaxed);
                    if std::mem::take(&mut self.outage.failing) {
                        self.log.info(format_args!("tracing: spans are delivered again"));
                    }
                    if let Some(message) = message {
                        self.quote(&message);
                    }
                    return self.tell_lost();
                }
                Delivery::Refused(why) => {
                    self.counts.lost.fetch_add(spans, Relaxed);
                    self.tell_failure(&why);
                    return self.tell_lost();
                }
                Delivery::Later(why, wanted) => {
                    self.tell_failure(&why);
                    self.tell_lost();
                    // At the end of the server there is time for one more try.
                    if left == 0 || self.closed && left < TRIES - 1 {
                        self.counts.lost.fetch_add(spans, Relaxed);
                        return self.tell_lost();
                    }
                    // Proxies that have failed together should not come again together.
                    let wait = wanted.unwrap_or_else(|| pause.mul_f64(0.8 + 0.4 * fastrand::f64()));
                    pause *= 2;
                    if !self.closed {
                        tokio::select! {
                            () = tokio::time::sleep(wait) => {}
                            () = self.closing.notified() => {
                                self.close();
                                left = left.min(1);
                            }
                        }
                    }
                }
            }
        }
    }

    /// Logs the first failure of several.
    fn tell_failure(&mut self, why: &str) {
        if !std::mem::replace(&mut self.outage.failing, true) {
            self.log.warn(format_args!("tracing: spans cannot be delivered: {why}"));
        }
    }

    /// Logs, now and then, what the collector says of spans that it has got.
    fn quote(&mut self, message: &str) {
        if self.outage.quoted_at.is_none_or(|quoted| quoted.elapsed() >= QUIET) {
            self.log.warn(format_args!("tracing: the collector says: {message}"));
            self.outage.quoted_at = Some(Instant::now());
        }
    }

    /// Logs, now and then, how many spans are lost.
    fn tell_lost(&mut self) {
        let lost = self.counts.lost.load(Relaxed);
        let is_time = self.outage.told_at.is_none_or(|told| self.closed || told.elapsed() >= QUIET);
        if lost > self.outage.told && is_time {
            let new = lost - self.outage.told;
            self.log.warn(format_args!(
                "tracing: spans that are lost because the collector did not take them: {new}, {lost} since the start"
            ));
            self.outage.told = lost;
            self.outage.told_at = Some(Instant::now());
        }
    }
}

/// What an answer means (OTLP 1.7, section "OTLP/HTTP Response").
fn judge(answer: Result<Response<Bytes>, ClientError>, now: SystemTime) -> Delivery {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return Delivery::Later(error.0, None),
    };
    let status = answer.status().as_u16();
    match status {
        200..=299 => taken(answer.body()),
        429 | 502 | 503 | 504 => {
            let wanted = answer.headers().get(RETRY_AFTER).and_then(|value| pause(value.to_str().ok()?, now));
            // One that wants no pause would otherwise get all tries at once.
            let wanted = wanted.filter(|wait| !wait.is_zero()).map(|wait| wait.min(LONGEST_PAUSE));
            Delivery::Later(answers(status, answer.body()), wanted)
        }
        401 | 403 => {
            Delivery::Refused(format!("the collector answers {status}: it wants other credentials in headers:"))
        }
        404 | 405 => {
            Delivery::Refused(format!("the collector answers {status}: write the URL of its OTLP over HTTP in to:"))
        }
        _ => Delivery::Refused(answers(status, answer.body())),
    }
}

/// What the collector has taken, by the JSON of its answer (`ExportTracePartialSuccess`).
fn taken(body: &[u8]) -> Delivery {
    let answer: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let part = &answer["partialSuccess"];
    let number = &part["rejectedSpans"];
    let rejected = number.as_u64().or_else(|| number.as_str()?.parse().ok()).unwrap_or(0);
    Delivery::Taken { rejected, message: message(&part["errorMessage"]) }
}

/// The status, and the message of the JSON behind it (`google.rpc.Status`) if it has one.
fn answers(status: u16, body: &[u8]) -> String {
    let answer: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    match message(&answer["message"]) {
        Some(message) => format!("the collector answers {status}: {message}"),
        None => format!("the collector answers {status}"),
    }
}

/// A text that the log may quote.
fn message(value: &serde_json::Value) -> Option<String> {
    let text = value.as_str()?.trim();
    (!text.is_empty()).then(|| text.chars().take(LONGEST_MESSAGE).collect())
}

/// The pause that a `Retry-After` asks for: seconds or a date.
fn pause(value: &str, now: SystemTime) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value.trim()).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests;
