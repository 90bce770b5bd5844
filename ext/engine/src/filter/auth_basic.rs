//! `auth_basic`: a user and a password (RFC 7617).
//!
//! The backend gets `Authorization` as it came: some backends need to know the user.

mod accounts;
mod hash;
mod known;
mod queue;
mod verifier;

use std::pin::pin;
use std::sync::Arc;

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use proxy_http::message::{Fields, Known, RequestHead};
use serde::{Deserialize, Serialize};

use super::challenge::{challenge, USUAL_REALM};
use super::credential::{self, Credential};
use super::Filtering;
use crate::client::ClientInfo;
use crate::compile::{Report, Word};
use crate::compiler::Compiler;
use crate::config::{At, ErrorResponseConfig};
use crate::error::{Cause, EndReason};
use crate::request::{Exchange, OwnAnswer, Verdict};
use crate::respond::ErrorResponse;
use accounts::{Accounts, Gathering};
use known::KnownCredentials;
use queue::{Busy, Source};
use verifier::Verifier;

/// Longest credentials, user and password together, in bytes of base64. Some hashes take longer for a longer password.
const LONGEST: usize = 1024;

/// `auth_basic realm: "Staff", credentials: { "ann" => "$2y$…" }`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthBasicConfig {
    /// Realm that a browser shows beside the fields for user and password.
    pub realm: String,
    /// Users, each with the hash of the password.
    pub credentials: Option<Vec<(String, String)>>,
    /// A file in the format of `htpasswd`, in place of `credentials`.
    pub file: Option<String>,
    /// Response to a refused request. Default: the built-in 401.
    pub error_response: Option<ErrorResponseConfig>,
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
}

impl Default for AuthBasicConfig {
    fn default() -> Self {
        Self { realm: USUAL_REALM.into(), credentials: None, file: None, error_response: None, at: None }
    }
}

/// An `auth_basic` directive, compiled.
#[derive(Debug)]
pub(crate) struct AuthBasic {
    verifier: Arc<Verifier>,
    challenge: Box<str>,
    error_response: Arc<ErrorResponse>,
}

impl Filtering for AuthBasic {
    type Config = AuthBasicConfig;

    const KNOWS_THE_CLIENT: bool = true;

    /// Checks the directive and reads its file.
    fn compile(config: &AuthBasicConfig, compiler: &mut Compiler) -> Option<Self> {
        let mut report = Report::new(Self::WORD, config.at.as_ref(), &mut compiler.problems);
        let error_response =
            ErrorResponse::compile(config.error_response.as_ref(), Cause::Unauthorized.status(), &mut report);
        let challenge = challenge("Basic", &config.realm, &mut report) + ", charset=\"UTF-8\"";
        let accounts = accounts(config, &mut report);
        let known = KnownCredentials::new();
        if known.is_err() {
            report.error("the system gives no random numbers: see that /dev/urandom can be read");
        }
        if !report.is_sound() {
            return None;
        }
        let verifications = compiler.carried_over.filters.single();
        let verifier = Verifier::new(accounts?, known.ok()?, verifications);
        let before = compiler.before.as_deref().map(|before| &before.filters);
        let verifier = compiler.carried_over.filters.alike(before, verifier, Verifier::has_the_accounts_of);
        Some(Self { verifier, challenge: challenge.into(), error_response })
    }

    /// A request with a user and a password passes, for a preview verifies no password.
    fn foretell(&self, request: &RequestHead, _: &ClientInfo) -> Option<OwnAnswer> {
        let lacking = read(&request.fields, &mut Vec::new()).is_err();
        lacking.then(|| OwnAnswer::challenge(&self.error_response, request, &self.challenge))
    }

    /// Lets a request pass that has the right user and password.
    async fn admit(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        let source = Source::new(exchange.client_info.ip, exchange.client_info.port);
        let mut text = std::mem::take(&mut exchange.work.scratch);
        let mut gone = None;
        let found = match read(&exchange.work.request.fields, &mut text) {
            Ok((user, password)) => {
                let patience = exchange.globals.limits.half_close;
                let verified = pin!(self.verifier.verify(source, user, password));
                let found = exchange.client.awaiting(patience, verified).await.unwrap_or_else(|error| {
                    gone = Some(error);
                    Ok(false)
                });
                if found == Ok(true) {
                    exchange.work.set_user(user);
                }
                found
            }
            Err(why) => {
                exchange.debug(format_args!("auth_basic: {why}"));
                Ok(false)
            }
        };
        text.clear();
        exchange.work.scratch = text;
        if let Some(error) = gone {
            return Some(exchange.answer_failure(&error, &self.error_response).await);
        }
        match found {
            Ok(true) => None,
            Ok(false) => {
                exchange.work.response_additions.set(Known::WwwAuthenticate, self.challenge.as_bytes());
                Some(exchange.refuse(EndReason::Denied, &self.error_response).await)
            }
            Err(Busy) => {
                exchange.warn(format_args!("auth_basic: too many passwords wait to be verified"));
                exchange.work.response_additions.set(Known::RetryAfter, b"1");
                Some(exchange.fail(Cause::TooManyPasswords).await)
            }
        }
    }
}

fn accounts(config: &AuthBasicConfig, report: &mut Report<'_>) -> Option<Accounts> {
    let mut gathering = Gathering::default();
    let place = match (&config.credentials, &config.file) {
        (Some(_), Some(_)) => {
            report.error("credentials and file are both written: keep one of them");
            return None;
        }
        (None, None) => {
            report.error("nobody could sign in: write credentials: { \"USER\" => \"$2y$…\" }, or file: \"htpasswd\"");
            return None;
        }
        (Some(credentials), None) => {
            for (user, hash) in credentials {
                gathering.add("", user, hash);
            }
            "credentials".to_owned()
        }
        (None, Some(path)) => {
            let bytes = report.within("file").file(path)?;
            gathering.add_file(&String::from_utf8_lossy(&bytes));
            format!("file: {path:?}")
        }
    };
    for mistake in std::mem::take(&mut gathering.mistakes) {
        report.within(&place).error(mistake);
    }
    let accounts = gathering.finish();
    if accounts.is_none() && report.is_sound() {
        report.within(&place).error("there are no users in it: write at least one");
    }
    accounts
}

/// The user and the password of the request, decoded into `text`. The error is for the log.
fn read<'t>(fields: &Fields, text: &'t mut Vec<u8>) -> Result<(&'t [u8], &'t [u8]), &'static str> {
    let encoded = match credential::credentials(fields, "Basic") {
        Credential::One(encoded) => encoded,
        Credential::Nothing => return Err("no credentials"),
        Credential::Several => return Err("several Authorization headers"),
    };
    if encoded.len() > LONGEST {
        return Err("the credentials are too long");
    }
    text.clear();
    STANDARD.decode_vec(encoded, text).map_err(|_| "the credentials are not valid base64")?;
    if text.iter().any(u8::is_ascii_control) {
        return Err("there are control characters in the credentials");
    }
    let colon = memchr::memchr(b':', text).ok_or("there is no colon in the credentials")?;
    Ok((&text[..colon], &text[colon + 1..]))
}

#[cfg(test)]
mod tests;
