//! `authorize`: a Ruby block says whether a request may pass.
//!
//! What the block says holds for every request with the same key, for a while. So the block runs only if its ruling is
//! not known, once for all requests with one key that come meanwhile. A known ruling costs no Ruby.

mod key;
mod question;
mod ruling;
mod rulings;

use std::sync::Arc;
use std::time::Duration;

use proxy_http::message::{FieldName, Method};
use serde::{Deserialize, Serialize};

use super::Filtering;
use crate::blocks::{BlockFailure, BlockIndex, BlockLimits};
use crate::compile::{Report, Word};
use crate::compiler::Compiler;
use crate::config::{At, ErrorResponseConfig};
use crate::error::{Cause, EndReason};
use crate::request::{Exchange, Verdict};
use crate::respond::ErrorResponse;
use key::{RulingKey, SeveralCredentials};
use ruling::Ruling;
use rulings::Rulings;

/// `authorize key: { header: "Authorization" }, ttl: 30 do |request| … end`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthorizeConfig {
    /// What the ruling depends on. Requests that are equal in all of it share a ruling.
    pub key: Vec<AuthorizeKey>,
    /// Fields that the block may set on the request. What a client sends under these names is removed.
    pub copy_headers: Vec<String>,
    /// Seconds for which a request with the same key passes without another call.
    pub ttl: f64,
    /// Seconds for which a request with the same key is refused without another call.
    pub negative_ttl: f64,
    /// Seconds that a request waits for the ruling.
    pub timeout: f64,
    /// Calls of the block that run at once.
    pub threads: i64,
    /// Calls of the block that wait.
    pub queue: i64,
    /// Keys whose ruling is kept.
    pub max_keys: i64,
    /// What becomes of a request without a ruling: `deny` or `allow`.
    pub on_error: String,
    /// Response to a request that the block refuses. Default: the built-in 403.
    pub error_response: Option<ErrorResponseConfig>,
    /// The block.
    pub block: Option<BlockIndex>,
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
}

impl Default for AuthorizeConfig {
    fn default() -> Self {
        Self {
            key: Vec::new(),
            copy_headers: Vec::new(),
            ttl: 30.0,
            negative_ttl: 5.0,
            timeout: 1.0,
            threads: 2,
            queue: 100,
            max_keys: 10_000,
            on_error: "deny".into(),
            error_response: None,
            block: None,
            at: None,
        }
    }
}

/// `{ header: "Authorization" }`, `{ cookie: "session" }` or `{ rewrite: "{addr} {host}" }`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthorizeKey {
    /// The value of the request field with this name.
    Header(String),
    /// The value of the cookie with this name.
    Cookie(String),
    /// The values of a string rewrite.
    Rewrite(String),
}

/// An `authorize` directive, compiled.
#[derive(Debug)]
pub(crate) struct Authorize {
    key: RulingKey,
    rulings: Arc<Rulings>,
    /// Time that a request waits for the ruling.
    limit: Duration,
    half_close: Option<Duration>,
    /// Whether a request without a ruling passes.
    allows: bool,
    error_response: Arc<ErrorResponse>,
}

impl Filtering for Authorize {
    type Config = AuthorizeConfig;

    const KNOWS_THE_CLIENT: bool = true;

    fn compile(config: &AuthorizeConfig, compiler: &mut Compiler) -> Option<Self> {
        let captures = compiler.captures.names();
        let mut report = Report::new(Self::WORD, config.at.as_ref(), &mut compiler.problems);
        let key = RulingKey::compile(&config.key, &captures, &mut report.within("key"));
        let copied: Vec<FieldName> = {
            let mut report = report.within("copy_headers");
            config.copy_headers.iter().filter_map(|name| report.request_field(name)).collect()
        };
        let ttl = report.within("ttl").seconds_or_zero(config.ttl);
        let negative_ttl = report.within("negative_ttl").seconds_or_zero(config.negative_ttl);
        let limit = report.within("timeout").seconds(config.timeout);
        let limits = BlockLimits {
            threads: report.within("threads").count(config.threads, 1..=1_000) as usize,
            queue: report.within("queue").count(config.queue, 1..=1_000_000) as usize,
        };
        let max_keys = report.within("max_keys").count(config.max_keys, 2..=10_000_000) as usize;
        let policies = [("deny", false), ("allow", true)];
        let allows = report.within("on_error").one_of(&config.on_error, "is not a policy", &policies);
        let error_response =
            ErrorResponse::compile(config.error_response.as_ref(), Cause::Forbidden.status(), &mut report);
        if config.block.is_none() {
            report.error("has no block: write authorize key: { header: \"Authorization\" } do |request| … end");
        }
        if !report.is_sound() {
            return None;
        }
        let block = compiler.blocks.block(config.block?, limits, Self::WORD, config.at.as_ref());
        let rulings = Arc::new(Rulings::new(block, copied, (ttl, negative_ttl), max_keys));
        Some(Self {
            key: key?,
            rulings,
            limit,
            half_close: compiler.limits.half_close,
            allows: allows?,
            error_response,
        })
    }

    /// Lets a request pass whose ruling says so.
    async fn admit(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        let mut key = std::mem::take(&mut exchange.work.scratch);
        let known = self.key.write(exchange, &mut key).map(|()| self.rulings.known(&key));
        let unknown = matches!(known, Ok(None)).then(|| key.as_slice().into());
        exchange.work.scratch = key;
        match known {
            Ok(Some(ruling)) if ruling.is_pass() => {
                self.pass(exchange, &ruling);
                None
            }
            // Boxed: the state that is kept while waiting is large.
            Ok(known) => Box::pin(self.judge(exchange, known, unknown.unwrap_or_default())).await,
            Err(SeveralCredentials) => {
                exchange.debug(format_args!("refused, since it has more than one value for the key of an authorize"));
                Some(Box::pin(exchange.fail(Cause::AmbiguousKey)).await)
            }
        }
    }
}

impl Authorize {
    /// Lets the request pass, or answers it, by the known ruling or by the one that the block makes for the key.
    async fn judge(&self, exchange: &mut Exchange<'_>, known: Option<Ruling>, key: Box<[u8]>) -> Option<Verdict> {
        let ruling = match known {
            Some(ruling) => Ok(ruling),
            None => {
                let mut asking = Box::pin(self.rulings.ask(key, question::of(exchange), self.limit));
                match exchange.client.awaiting(self.half_close, asking.as_mut()).await {
                    Ok(ruling) => ruling,
                    Err(gone) => {
                        drop(asking);
                        return Some(exchange.answer_failure(&gone, &self.error_response).await);
                    }
                }
            }
        };
        match ruling {
            Ok(Ruling::Refuse(response)) => {
                let response = response.as_ref().unwrap_or(&self.error_response);
                Some(exchange.refuse(EndReason::Denied, response).await)
            }
            Ok(ruling) => {
                self.pass(exchange, &ruling);
                None
            }
            Err(why) => self.without_ruling(exchange, why).await,
        }
    }

    async fn without_ruling(&self, exchange: &mut Exchange<'_>, why: BlockFailure) -> Option<Verdict> {
        let name = self.rulings.block().name();
        if self.allows {
            exchange.warn(format_args!("{name}: {why}, and on_error lets the request pass"));
            self.pass(exchange, &Ruling::Pass);
            return None;
        }
        exchange.warn(format_args!("{name}: {why}"));
        Some(exchange.fail(Cause::Unruled).await)
    }

    /// Sets the fields of the ruling on the request. What the client sent under the names that this filter sets is
    /// removed, even if this ruling sets none.
    fn pass(&self, exchange: &mut Exchange<'_>, ruling: &Ruling) {
        let names = self.rulings.names();
        if names.is_empty() {
            return;
        }
        let request = &mut exchange.work.request;
        for name in names.iter() {
            request.fields.remove(name);
        }
        // TRACE shows its sender the fields it carries, and these are for the backend alone.
        if request.method != Method::Trace {
            for (name, value) in ruling.fields() {
                if let Some(value) = value {
                    request.fields.append(name, value);
                }
            }
        }
        for name in names.iter() {
            exchange.log_as_verified(name);
        }
    }
}

#[cfg(test)]
mod tests;
