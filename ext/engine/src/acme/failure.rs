//! Why there is no certificate.

use std::time::SystemTime;

use bytes::Bytes;
use http::Response;
use instant_acme::{Error, Problem};

use super::transport::Seen;
use crate::control::client::ClientError;
use crate::escape::is_unseen;

/// Whose fault it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// The authority did not answer, or said that it cannot now. Another may.
    Unavailable,
    /// Too many orders; `retry_after` says until when.
    RateLimited,
    /// The authority could not reach the challenge, or refused the name.
    Refused,
    /// The configuration is wrong for this authority: unknown profile, missing binding, revoked account. It is the same
    /// for every name.
    Misconfigured,
    /// Storage or provider of ours.
    Own,
}

/// Why there is no certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OrderFailure {
    pub(crate) kind: FailureKind,
    /// For a person: what went wrong at which step, and what to do.
    pub(crate) message: String,
    /// Not before this moment, as the authority says.
    pub(crate) retry_after: Option<SystemTime>,
}

impl OrderFailure {
    pub(crate) fn new(kind: FailureKind, message: impl AsRef<str>) -> Self {
        Self { kind, message: plain(message.as_ref(), LONGEST_MESSAGE), retry_after: None }
    }
}

impl std::fmt::Display for OrderFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl OrderFailure {
    /// The failure of a step of an order, as instant-acme tells it and the last response shows it.
    pub(super) fn of_step(step: &str, error: instant_acme::Error, seen: &Seen) -> Self {
        match error {
            Error::Api(problem) => Self::of_problem(step, &problem, seen),
            // Its text says what was asked.
            Error::Other(error) if error.is::<ClientError>() => {
                Self::new(FailureKind::Unavailable, format!("{step}: {error}"))
            }
            // A page of something before the authority: instant-acme has tried to read it as JSON.
            _ if seen.status.is_some_and(|status| !status.is_success()) => Self::of_status(step, seen),
            error => {
                let message = format!("{step}: its answer is not understood: {}", plain(&error.to_string(), LONGEST));
                Self { retry_after: seen.retry_after, ..Self::new(FailureKind::Unavailable, message) }
            }
        }
    }

    /// The failure that a response tells, which instant-acme has not seen.
    pub(super) fn of_answer(step: &str, answer: &Response<Bytes>) -> Self {
        let mut seen = Seen::default();
        seen.note(answer);
        match serde_json::from_slice::<Problem>(answer.body()) {
            Ok(problem) if problem.r#type.is_some() => Self::of_problem(step, &problem, &seen),
            _ => Self::of_status(step, &seen),
        }
    }

    /// The failure that a status shows, whose body says nothing.
    fn of_status(step: &str, seen: &Seen) -> Self {
        let status = seen.status.unwrap_or_default();
        let kind = match status.as_u16() {
            429 => FailureKind::RateLimited,
            404 | 405 | 410 | 300..=399 => FailureKind::Misconfigured,
            _ => FailureKind::Unavailable,
        };
        let body = seen.content_type.as_deref().unwrap_or("no type");
        let message = format!("{step}: it has answered {status} without a reason (body of {})", plain(body, LONGEST));
        Self { retry_after: seen.retry_after, ..Self::new(kind, message) }
    }

    /// The failure that a problem document tells (RFC 8555, section 6.7).
    fn of_problem(step: &str, problem: &Problem, seen: &Seen) -> Self {
        let status = seen.status.map_or(0, |status| status.as_u16());
        let kind = match (short(problem), status) {
            ("rateLimited", _) | (_, 429) => FailureKind::RateLimited,
            ("serverInternal" | "badNonce" | "orderNotReady", _) | (_, 500..=599) => FailureKind::Unavailable,
            (
                "accountDoesNotExist"
                | "externalAccountRequired"
                | "userActionRequired"
                | "unsupportedContact"
                | "invalidContact"
                | "badSignatureAlgorithm"
                | "badPublicKey"
                | "invalidProfile"
                | "unauthorized",
                _,
            ) => FailureKind::Misconfigured,
            _ => FailureKind::Refused,
        };
        let message = format!("{step}: {}", told(problem));
        Self { retry_after: seen.retry_after, ..Self::new(kind, message) }
    }
}

/// Type of a problem without its beginning, such as `rateLimited`.
pub(super) fn short(problem: &Problem) -> &str {
    let kind = problem.r#type.as_deref().unwrap_or_default();
    kind.strip_prefix("urn:ietf:params:acme:error:").unwrap_or(kind)
}

/// A problem for a person: what it says, and of which names.
pub(super) fn told(problem: &Problem) -> String {
    let mut text = problem.detail.clone().unwrap_or_default();
    for part in &problem.subproblems {
        text.push_str(&format!("; {part}"));
    }
    let kind = short(problem);
    if !kind.is_empty() {
        text.push_str(&format!(" ({kind})"));
    }
    plain(text.trim_start(), LONGEST)
}

/// A text of others, fit for one line of a log and a table: no control characters, and not longer than so many.
fn plain(text: &str, longest: usize) -> String {
    let mut shown: String = text.chars().map(|c| if is_unseen(c) { ' ' } else { c }).take(longest).collect();
    if text.chars().nth(longest).is_some() {
        shown.push('…');
    }
    shown
}

/// Characters of a text of an authority.
const LONGEST: usize = 600;
/// Characters of a whole message, which may quote name servers, programs and blocks too. It is kept in storage.
const LONGEST_MESSAGE: usize = 2_000;

#[cfg(test)]
mod tests;
