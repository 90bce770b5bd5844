//! `rate_limit`: a number of requests in a number of seconds.

mod counts;
mod key;
mod window;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Filtering;
use crate::compile::{Report, Word, TEN_YEARS};
use crate::compiler::Compiler;
use crate::config::{At, ErrorResponseConfig};
use crate::error::{Cause, EndReason};
use crate::request::{Exchange, Verdict};
use crate::respond::ErrorResponse;
use crate::routing::host_span;
pub(super) use counts::Counts;
use key::CountedKey;
use proxy_http::decimal;
use proxy_http::message::Known;
use window::{Limit, Taken};

/// `rate_limit requests: 100, seconds: 60, key: { header: "X-Api-Key" }`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimitConfig {
    /// Requests that may pass within `seconds`.
    pub requests: Option<i64>,
    /// Length of the period, in seconds.
    pub seconds: Option<f64>,
    /// Key under which requests are counted together.
    pub key: LimitKey,
    /// Place where the counts are kept.
    pub store: LimitStore,
    /// Keys that are counted at once, at most.
    pub max_keys: i64,
    /// Response to a request beyond the limit. Default: the built-in 429.
    pub error_response: Option<ErrorResponseConfig>,
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
}

impl Default for RateLimitConfig {
    fn default() -> Self {
        Self {
            requests: None,
            seconds: None,
            key: LimitKey::Address,
            store: LimitStore::Memory,
            max_keys: 100_000,
            error_response: None,
            at: None,
        }
    }
}

/// `"address"`, `{ header: "X-Api-Key" }`, `{ query: "user_id" }` or `{ rewrite: "{addr}{host}" }`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitKey {
    /// The client's address. An IPv6 address counts as its network of 64 bits.
    Address,
    /// The value of the request field with this name.
    Header(String),
    /// The value of the query parameter with this name.
    Query(String),
    /// The value of a string rewrite.
    Rewrite(String),
}

/// `"memory"`, or for a later version `{ redis: "redis://…" }`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitStore {
    /// Counts in the memory of this process.
    Memory,
    /// Counts in a Redis that several proxies share, by its URL.
    Redis(String),
}

/// A limit and its counts.
#[derive(Debug)]
pub(crate) struct RateLimit {
    limit: Limit,
    key: CountedKey,
    counts: Arc<Counts>,
    error_response: Arc<ErrorResponse>,
}

const LIMIT: &str = "X-RateLimit-Limit";
const REMAINING: &str = "X-RateLimit-Remaining";
const RESET: &str = "X-RateLimit-Reset";

const MOST_REQUESTS: i64 = 1_000_000_000;
const MOST_KEYS: i64 = 10_000_000;

impl Filtering for RateLimit {
    type Config = RateLimitConfig;

    fn compile(config: &RateLimitConfig, compiler: &mut Compiler) -> Option<Self> {
        let mut report = Report::new(Self::WORD, config.at.as_ref(), &mut compiler.problems);
        let missing = |option: &str| format!("`{option}` is missing: write requests: 100, seconds: 60");
        let requests = report.ok(config.requests.ok_or_else(|| missing("requests")));
        let requests = requests.map(|requests| report.within("requests").count(requests, 1..=MOST_REQUESTS) as u64);
        let seconds = report.ok(config.seconds.ok_or_else(|| missing("seconds")));
        // Ten years fit into a `u64` of nanoseconds many times over.
        let seconds = seconds.map(|seconds| report.within("seconds").seconds_within(seconds, 0.001..=TEN_YEARS));
        if let LimitStore::Redis(_) = config.store {
            report
                .within("store")
                .error("counts in a Redis are not available in this version: write store: \"memory\", or leave it out");
        }
        let max_keys = report.within("max_keys").count(config.max_keys, 2..=MOST_KEYS) as usize;
        let key = CountedKey::compile(&config.key, &compiler.captures.names(), &mut report.within("key"));
        let error_response =
            ErrorResponse::compile(config.error_response.as_ref(), Cause::TooManyRequests.status(), &mut report);
        if !report.is_sound() {
            return None;
        }
        let limit = Limit { requests: requests?, span: (seconds? * 1e9) as u64 };
        let before = compiler.before.as_deref().map(|before| &before.filters);
        // The count does not depend on the response to refused requests.
        let recipe = (
            compiler.place.clone(),
            config.requests,
            config.seconds.map(f64::to_bits),
            config.key.clone(),
            config.max_keys,
        );
        let counts = compiler.carried_over.filters.own(before, recipe, || Counts::new(limit, max_keys));
        Some(Self { limit, key: key?, counts, error_response })
    }

    /// Counts the request, and answers it if it is beyond the limit.
    async fn admit(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        let mut scratch = std::mem::take(&mut exchange.work.scratch);
        // A rewrite sees the normalized host: a capital, a port or a dot at the end does not make another client.
        let authority = exchange.work.request.authority;
        if self.key.is_rewrite() {
            exchange.work.request.authority = host_span(&mut exchange.work.request);
        }
        let taken = self.key.of(exchange, &mut scratch).map(|key| self.counts.take(key));
        exchange.work.request.authority = authority;
        let Ok(taken) = taken else {
            exchange.work.scratch = scratch;
            exchange.debug(format_args!("refused, since it has more than one value for the key of a rate_limit"));
            return Some(exchange.fail(Cause::AmbiguousKey).await);
        };
        self.tell(exchange, taken, &mut scratch);
        exchange.work.scratch = scratch;
        match taken.passed {
            true => None,
            false => Some(exchange.refuse(EndReason::Limit, &self.error_response).await),
        }
    }
}

impl RateLimit {
    /// Adds the rate limit fields to the response. If several limits apply, they describe the limit that refuses the
    /// request, or else the one with the fewest requests left.
    fn tell(&self, exchange: &mut Exchange<'_>, taken: Taken, text: &mut Vec<u8>) {
        let additions = &mut exchange.work.response_additions;
        let told = additions.get(REMAINING).and_then(|text| std::str::from_utf8(text).ok()?.parse::<u64>().ok());
        if taken.passed && told.is_some_and(|told| told < taken.remaining) {
            return;
        }
        let mut set = |name: &'static str, value: u64| {
            text.clear();
            decimal::push(text, value);
            additions.set(name, text);
        };
        set(LIMIT, self.limit.requests);
        set(REMAINING, taken.remaining);
        set(RESET, seconds(taken.reset));
        if !taken.passed {
            set(Known::RetryAfter.as_str(), seconds(taken.wait));
        }
    }
}

/// Whole seconds, rounded up: a client that waits this long does not come too early.
fn seconds(nanoseconds: u64) -> u64 {
    nanoseconds.div_ceil(1_000_000_000)
}

#[cfg(test)]
mod tests;
