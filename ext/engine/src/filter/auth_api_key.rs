//! `auth_api_key`: a key that a program sends with each request.
//!
//! Keys are compared by their digests. So a comparison that ends at the first difference leaks nothing: an attacker who
//! does not know the key cannot choose how its digest begins.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::digest::{digest, SHA256};
use proxy_http::message::{FieldName, Known, RequestHead};
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
use crate::rewrite::without_parameter;

type KeyDigest = [u8; 32];

/// `auth_api_key keys: { "billing" => "sha256:…" }`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthApiKeyConfig {
    /// Keys, each with an optional name: as plain text, or `sha256:` and the digest in hexadecimal.
    pub keys: Vec<(Option<String>, String)>,
    /// Request field that holds the key. Default: `X-Api-Key`, unless `query` is set.
    pub header: Option<String>,
    /// Query parameter that holds the key, in place of a field.
    pub query: Option<String>,
    /// Whether the key is removed from the request before a backend sees it.
    pub strip: bool,
    /// Response to a refused request. Default: the built-in 401.
    pub error_response: Option<ErrorResponseConfig>,
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
}

/// An `auth_api_key` directive, compiled.
#[derive(Debug)]
pub(crate) struct AuthApiKey {
    /// Names of the keys by their digests; empty for a key without a name.
    keys: HashMap<KeyDigest, Box<str>>,
    place: ApiKeySource,
    strip: bool,
    challenge: Box<str>,
    error_response: Arc<ErrorResponse>,
}

/// Part of the request that holds the key.
#[derive(Debug)]
enum ApiKeySource {
    Field(FieldName),
    Parameter(Box<str>),
}

impl Filtering for AuthApiKey {
    type Config = AuthApiKeyConfig;

    const KNOWS_THE_CLIENT: bool = true;

    fn compile(config: &AuthApiKeyConfig, compiler: &mut Compiler) -> Option<Self> {
        compiler.secrets.extend(config.query.as_deref().map(Box::from));
        let mut report = Report::new(Self::WORD, config.at.as_ref(), &mut compiler.problems);
        let error_response =
            ErrorResponse::compile(config.error_response.as_ref(), Cause::Unauthorized.status(), &mut report);
        let challenge = challenge("ApiKey", USUAL_REALM, &mut report);
        let place = place(config, &mut report);
        let keys = keys(config, &mut report.within("keys"));
        if !report.is_sound() {
            return None;
        }
        Some(Self { keys, place: place?, strip: config.strip, challenge: challenge.into(), error_response })
    }

    fn foretell(&self, request: &RequestHead, _: &ClientInfo) -> Option<OwnAnswer> {
        let refused = self.check(request).is_err();
        refused.then(|| OwnAnswer::challenge(&self.error_response, request, &self.challenge))
    }

    /// Lets a request pass that has one of the keys.
    async fn admit(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        match self.check(&exchange.work.request) {
            Ok(name) => {
                exchange.work.set_user(name.as_bytes());
                if self.strip {
                    self.strip(&mut exchange.work.request, &mut exchange.work.scratch);
                }
                None
            }
            Err(why) => {
                exchange.debug(format_args!("auth_api_key: {why}"));
                exchange.work.response_additions.set(Known::WwwAuthenticate, self.challenge.as_bytes());
                Some(exchange.refuse(EndReason::Denied, &self.error_response).await)
            }
        }
    }
}

impl AuthApiKey {
    /// The name of the key in the request. The error is for the log.
    fn check(&self, request: &RequestHead) -> Result<&str, &'static str> {
        let digest = match &self.place {
            ApiKeySource::Field(name) => digest_of(&credential::field(&request.fields, name), |key| key),
            ApiKeySource::Parameter(name) => {
                digest_of(&credential::parameter(request.query(), name), |key| key.as_bytes())
            }
        }?;
        self.keys.get(&digest).map(|name| &**name).ok_or("no such key")
    }

    fn strip(&self, request: &mut RequestHead, scratch: &mut Vec<u8>) {
        match &self.place {
            ApiKeySource::Field(name) => request.fields.remove(name),
            ApiKeySource::Parameter(name) => {
                scratch.clear();
                without_parameter(request.query(), name, scratch);
                request.query = request.fields.push_text(scratch);
                scratch.clear();
            }
        }
    }
}

fn digest_of<T>(key: &Credential<T>, bytes: impl Fn(&T) -> &[u8]) -> Result<KeyDigest, &'static str> {
    match key {
        Credential::One(key) => Ok(sha256(bytes(key))),
        Credential::Nothing => Err("no key"),
        Credential::Several => Err("several keys"),
    }
}

fn sha256(bytes: &[u8]) -> KeyDigest {
    let mut out = KeyDigest::default();
    for (byte, from) in out.iter_mut().zip(digest(&SHA256, bytes).as_ref()) {
        *byte = *from;
    }
    out
}

fn place(config: &AuthApiKeyConfig, report: &mut Report<'_>) -> Option<ApiKeySource> {
    match (&config.header, &config.query) {
        (Some(_), Some(_)) => {
            report.error("header and query are both written: keep the place where the key is");
            None
        }
        (None, Some(name)) if name.is_empty() => {
            report.within("query").error("the name is empty: write the name of a parameter, such as \"api_key\"");
            None
        }
        (None, Some(name)) => Some(ApiKeySource::Parameter(name.as_str().into())),
        (header, None) => {
            let name = report.within("header").field_name(header.as_deref().unwrap_or("X-Api-Key"))?;
            Some(ApiKeySource::Field(name))
        }
    }
}

fn keys(config: &AuthApiKeyConfig, report: &mut Report<'_>) -> HashMap<KeyDigest, Box<str>> {
    let mut keys = HashMap::with_capacity(config.keys.len());
    if config.keys.is_empty() {
        report.error("there is none: write at least one, as `openssl rand -hex 32` prints it");
    }
    for (index, (name, key)) in config.keys.iter().enumerate() {
        let (user, name) = match name {
            Some(name) => (name.as_str(), format!("{name:?}")),
            None => ("", format!("key {}", index + 1)),
        };
        if user.trim() != user || user.chars().any(char::is_control) {
            report.error(format!(
                "the name {name} has white space around it or control characters in it: leave them out"
            ));
        }
        let digest = match key.strip_prefix("sha256:") {
            Some(hex) => {
                from_hex(hex).ok_or("is not a SHA-256 digest: write sha256: and the 64 digits that `sha256sum` prints")
            }
            None if key.is_empty() => Err("is empty: write one, as `openssl rand -hex 32` prints it"),
            None if key.trim() != key || key.chars().any(char::is_control) => {
                Err("cannot be sent as it is: write one without white space around it and without control characters")
            }
            None => Ok(sha256(key.as_bytes())),
        };
        match digest {
            Err(message) => report.error(format!("{name} {message}")),
            Ok(digest) => {
                if keys.insert(digest, user.into()).is_some() {
                    report.error(format!("{name} is the same key as one before it: give each its own"));
                }
            }
        }
    }
    keys
}

fn from_hex(text: &str) -> Option<KeyDigest> {
    let mut digest = KeyDigest::default();
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect::<Option<_>>()?;
    if digits.len() != digest.len() * 2 {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(digits.chunks(2)) {
        *byte = pair.iter().fold(0, |byte, digit| byte * 16 + digit);
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_read_from_its_64_digits_and_from_nothing_else() {
        let hex = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
        assert_eq!(from_hex(hex), Some(sha256(b"secret")));
        assert_eq!(from_hex(&hex.to_uppercase()), Some(sha256(b"secret")));
        for other in ["", &hex[1..], &format!("{hex}0"), &hex.replace('2', "g"), &hex.replace('2', "²")] {
            assert_eq!(from_hex(other), None, "{other}");
        }
    }
}
