//! Why there is no certificate.

use std::time::SystemTime;

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
    pub(crate) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry_after: None }
    }
}

impl std::fmt::Display for OrderFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}
