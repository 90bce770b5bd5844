//! Options of `auth_jwt`, and their compilation.

use proxy_http::message::{FieldName, Known};
use serde::{Deserialize, Serialize};

use super::keys::{self, VerifyingKey};
use super::token::Rules;
use super::{AuthJwt, TokenSource};
use crate::compile::{Report, Word};
use crate::compiler::Compiler;
use crate::config::{At, ErrorResponseConfig};
use crate::error::Cause;
use crate::filter::challenge::{challenge, USUAL_REALM};
use crate::respond::ErrorResponse;

/// `auth_jwt public_key_file: "issuer.pem", audience: "api"`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthJwtConfig {
    /// The secret that is shared with the issuer.
    pub secret: Option<String>,
    /// The issuer's public key in PEM.
    pub public_key: Option<String>,
    /// A file with the issuer's public key in PEM.
    pub public_key_file: Option<String>,
    /// A file with the issuer's set of keys (RFC 7517).
    pub jwks_file: Option<String>,
    /// Allowed algorithms: `HS256`, `RS256`, … Default: all that fit the key.
    pub algorithms: Vec<String>,
    /// Issuers whose tokens are accepted. Default: any issuer.
    pub issuer: Vec<String>,
    /// Audiences whose tokens are accepted. Default: a token that names an audience is refused.
    pub audience: Vec<String>,
    /// Seconds by which the clocks of issuer and proxy may differ.
    pub leeway: f64,
    /// Request field that holds the token. Default: `Authorization`, unless `cookie` is set.
    pub header: Option<String>,
    /// Cookie that holds the token, in place of a field.
    pub cookie: Option<String>,
    /// Claims that a token must have.
    pub required_claims: Vec<String>,
    /// Fields that are set on the request, each with the claim that it gets.
    pub claims_to_headers: Vec<(String, String)>,
    /// Realm in `WWW-Authenticate`.
    pub realm: String,
    /// Response to a refused request. Default: the built-in 401.
    pub error_response: Option<ErrorResponseConfig>,
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
}

impl Default for AuthJwtConfig {
    fn default() -> Self {
        Self {
            secret: None,
            public_key: None,
            public_key_file: None,
            jwks_file: None,
            algorithms: Vec::new(),
            issuer: Vec::new(),
            audience: Vec::new(),
            leeway: 10.0,
            header: None,
            cookie: None,
            required_claims: vec!["exp".into()],
            claims_to_headers: Vec::new(),
            realm: USUAL_REALM.into(),
            error_response: None,
            at: None,
        }
    }
}

/// Length of the shortest secret, in bytes (RFC 7518, section 3.2).
const SECRET: usize = 32;
/// Largest difference of clocks that can be configured, in seconds.
const LEEWAY: f64 = 3600.0;

/// Checks the directive and reads its files.
pub(super) fn compile(config: &AuthJwtConfig, compiler: &mut Compiler) -> Option<AuthJwt> {
    let mut report = Report::new(AuthJwt::WORD, config.at.as_ref(), &mut compiler.problems);
    let error_response =
        ErrorResponse::compile(config.error_response.as_ref(), Cause::Unauthorized.status(), &mut report);
    let challenge = challenge("Bearer", &config.realm, &mut report);
    let place = place(config, &mut report);
    let keys = keys(config, &mut report).unwrap_or_default();
    let keys = allowed(config, keys, &mut report.within("algorithms"));
    let leeway = report.within("leeway").seconds_within(config.leeway, 0.0..=LEEWAY).ceil() as u64;
    let fields = fields(config, &mut report.within("claims_to_headers"));
    for (option, texts) in
        [("issuer", &config.issuer), ("audience", &config.audience), ("required_claims", &config.required_claims)]
    {
        if texts.iter().any(String::is_empty) {
            report.within(option).error("\"\" is not a valid name: write one, or leave it out");
        }
    }
    if !report.is_sound() {
        return None;
    }
    let rules = Rules::new(keys, &config.issuer, &config.audience, &config.required_claims, leeway);
    Some(AuthJwt { rules, place: place?, fields, challenge: challenge.into(), error_response })
}

/// The keys. There is at least one, unless a mistake was reported.
fn keys(config: &AuthJwtConfig, report: &mut Report<'_>) -> Option<Vec<VerifyingKey>> {
    let sources = [
        ("secret", &config.secret),
        ("public_key", &config.public_key),
        ("public_key_file", &config.public_key_file),
        ("jwks_file", &config.jwks_file),
    ];
    let written: Vec<_> =
        sources.iter().filter_map(|(option, value)| value.as_ref().map(|value| (*option, value.as_str()))).collect();
    let &[(option, value)] = &written[..] else {
        let names: Vec<_> = written.iter().map(|(option, _)| *option).collect();
        report.error(match names[..] {
            [] => "there is no key to verify tokens with: write secret: \"…\", public_key: \"…\", public_key_file: \
                   \"…\" or jwks_file: \"…\""
                .to_owned(),
            _ => format!("{} are both written: keep one of them", names.join(" and ")),
        });
        return None;
    };
    let read = match option {
        "secret" => return secret(value, &mut report.within(option)),
        "public_key" => VerifyingKey::of_pem(value.as_bytes()).map(|key| vec![key]),
        "public_key_file" => VerifyingKey::of_pem(&report.within(option).file(value)?).map(|key| vec![key]),
        _ => {
            let json = report.within(option).file(value)?;
            keys::of_set(&json, &mut report.within(option))
        }
    };
    report.within(option).ok(read)
}

fn secret(secret: &str, report: &mut Report<'_>) -> Option<Vec<VerifyingKey>> {
    if secret.trim_start().starts_with("-----BEGIN") {
        report.error("this is a PEM key, not a secret: write it as public_key:");
        return None;
    }
    if secret.is_empty() {
        report.error("it is empty: write the one that is shared with the issuer");
        return None;
    }
    if secret.len() < SECRET {
        report.warning(format!(
            "{} bytes can be guessed by trial: use one of {SECRET} or more, as `openssl rand -hex {SECRET}` prints it",
            secret.len()
        ));
    }
    Some(vec![VerifyingKey::of_secret(secret.as_bytes())])
}

/// The keys, restricted to the allowed algorithms.
fn allowed(config: &AuthJwtConfig, mut keys: Vec<VerifyingKey>, report: &mut Report<'_>) -> Vec<VerifyingKey> {
    if config.algorithms.is_empty() {
        return keys;
    }
    let mut wanted = Vec::with_capacity(config.algorithms.len());
    for name in &config.algorithms {
        match keys::algorithm(name) {
            Err(message) => report.error(message),
            Ok(algorithm) => {
                if let (Some(key), false) = (keys.first(), keys.iter().any(|key| key.algorithms.contains(&algorithm))) {
                    let all: Vec<_> =
                        keys.iter().flat_map(|key| &key.algorithms).map(|name| format!("{name:?}")).collect();
                    let kind = if keys.len() == 1 { key.kind() } else { "any of the keys" };
                    report.error(format!("{name:?} does not go with {kind}: write some of {}", all.join(", ")));
                }
                wanted.push(algorithm);
            }
        }
    }
    for key in &mut keys {
        key.algorithms.retain(|algorithm| wanted.contains(algorithm));
    }
    keys.retain(|key| !key.algorithms.is_empty());
    keys
}

fn place(config: &AuthJwtConfig, report: &mut Report<'_>) -> Option<TokenSource> {
    match (&config.header, &config.cookie) {
        (Some(_), Some(_)) => {
            report.error("header and cookie are both written: keep the place where the token is");
            None
        }
        (None, Some(name)) => {
            // The name of a cookie is a token, as the name of a field is (RFC 6265, section 4.1.1).
            if FieldName::new(name).is_none() {
                report
                    .within("cookie")
                    .error(format!("{name:?} is not a valid cookie name: use letters, digits, hyphens, underscores"));
            }
            Some(TokenSource::Cookie(name.as_str().into()))
        }
        (None, None) => Some(TokenSource::Authorization),
        (Some(name), None) => {
            let name = report.within("header").field_name(name)?;
            Some(if name.known() == Some(Known::Authorization) {
                TokenSource::Authorization
            } else {
                TokenSource::Field(name)
            })
        }
    }
}

fn fields(config: &AuthJwtConfig, report: &mut Report<'_>) -> Box<[(FieldName, Box<str>)]> {
    let mut fields = Vec::with_capacity(config.claims_to_headers.len());
    for (name, claim) in &config.claims_to_headers {
        if claim.is_empty() {
            report.error(format!("{name}: \"\" is not a valid claim: write the name of one, such as \"sub\""));
        }
        if let Some(name) = report.request_field(name) {
            fields.push((name, claim.as_str().into()));
        }
    }
    fields.into()
}
