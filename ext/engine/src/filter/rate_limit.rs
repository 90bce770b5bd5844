//! `rate_limit`: so many requests in so many seconds.

mod counts;
mod key;
mod window;

use std::sync::Arc;

use crate::compiler::Compiler;
use crate::config::{self, LimitStore, Problem};
use crate::error::Cause;
use crate::request::{Exchange, Verdict};
use crate::respond::ErrorResponse;
use crate::routing::host_span;
pub(super) use counts::Counts;
use key::Key;
use proxy_http::decimal;
use proxy_http::message::Known;
use window::{Limit, Taken};

/// A limit and its counts.
#[derive(Debug)]
pub(crate) struct RateLimit {
    limit: Limit,
    key: Key,
    counts: Arc<Counts>,
    error_response: Arc<ErrorResponse>,
}

const LIMIT: &str = "X-RateLimit-Limit";
const REMAINING: &str = "X-RateLimit-Remaining";
const RESET: &str = "X-RateLimit-Reset";

/// What still fits into the nanoseconds of a `u64` many times over: ten years.
const LONGEST: f64 = 315_360_000.0;
const MOST_REQUESTS: i64 = 1_000_000_000;
const MOST_KEYS: i64 = 10_000_000;

impl RateLimit {
    /// Checks the directive. `None` if it is wrong.
    pub(super) fn compile(spec: &config::RateLimit, compiler: &mut Compiler) -> Option<Self> {
        let at = spec.at.as_ref();
        let before = compiler.error_count();
        let mut error = |message: String| compiler.problems.push(Problem::error(at, "rate_limit", message));
        let requests = match spec.requests {
            None => {
                error("`requests` is missing: write requests: 100, seconds: 60".into());
                1
            }
            Some(requests) => {
                if !(1..=MOST_REQUESTS).contains(&requests) {
                    error(format!("requests: {requests} is out of range: write a number from 1 to {MOST_REQUESTS}"));
                }
                requests.clamp(1, MOST_REQUESTS) as u64
            }
        };
        let span = match spec.seconds {
            None => {
                error("`seconds` is missing: write requests: 100, seconds: 60".into());
                1
            }
            Some(seconds) => {
                if !(0.001..=LONGEST).contains(&seconds) {
                    error(format!("seconds: {seconds} is out of range: write seconds from 0.001 to {LONGEST}"));
                }
                (seconds.clamp(0.001, LONGEST) * 1e9) as u64
            }
        };
        if let LimitStore::Redis(_) = spec.store {
            let remedy = "write store: \"memory\", or leave it out";
            error(format!("store: counts in a Redis are not available in this version: {remedy}"));
        }
        if !(2..=MOST_KEYS).contains(&spec.max_keys) {
            let keys = spec.max_keys;
            error(format!("max_keys: {keys} is out of range: write a number from 2 to {MOST_KEYS}"));
        }
        let key = match Key::compile(&spec.key) {
            Ok(key) => Some(key),
            Err(message) => {
                error(format!("key: {message}"));
                None
            }
        };
        let captures = compiler.captures.names();
        for warning in key.iter().flat_map(|key| key.warnings(&captures)) {
            compiler.problems.push(Problem::warning(at, "rate_limit", format!("key: rewrite: {warning}")));
        }
        let error_response = ErrorResponse::compile(
            spec.error_response.as_ref(),
            Cause::TooManyRequests.status(),
            at,
            "rate_limit",
            &mut compiler.problems,
        );
        let key = key.filter(|_| compiler.error_count() == before)?;
        let limit = Limit { requests, span };
        let before = compiler.before.as_deref().map(|before| &before.filters);
        // What is counted does not depend on the answer to those who are refused.
        let recipe =
            (compiler.place.clone(), spec.requests, spec.seconds.map(f64::to_bits), spec.key.clone(), spec.max_keys);
        let make = || Counts::new(limit, spec.max_keys as usize);
        let counts = compiler.lasting.filters.own(before, recipe, make);
        Some(Self { limit, key, counts, error_response })
    }

    /// Counts the request, or answers it.
    pub(super) async fn admit(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        let mut scratch = std::mem::take(&mut exchange.work.scratch);
        // A rewrite sees the host as it is matched: a capital, a port or a dot at its end makes no other client.
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
            false => Some(exchange.answer_error(&self.error_response).await),
        }
    }

    /// Puts what the client should know on the response. Of several limits it is told of the one that refuses it, or else of
    /// the one that has the least left.
    fn tell(&self, exchange: &mut Exchange<'_>, taken: Taken, text: &mut Vec<u8>) {
        let extra = &mut exchange.work.extra;
        let told = extra.get(REMAINING).and_then(|text| std::str::from_utf8(text).ok()?.parse::<u64>().ok());
        if taken.passed && told.is_some_and(|told| told < taken.remaining) {
            return;
        }
        let mut set = |name: &'static str, value: u64| {
            text.clear();
            decimal::push(text, value);
            extra.set(name, text);
        };
        set(LIMIT, self.limit.requests);
        set(REMAINING, taken.remaining);
        set(RESET, seconds(taken.reset));
        if !taken.passed {
            set(Known::RetryAfter.as_str(), seconds(taken.wait));
        }
    }
}

/// Whole seconds, rounded up: who waits so long does not come too early.
fn seconds(nanoseconds: u64) -> u64 {
    nanoseconds.div_ceil(1_000_000_000)
}
