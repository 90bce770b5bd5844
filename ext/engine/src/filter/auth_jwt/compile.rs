//! From what was written to what runs.

use proxy_http::message::{FieldName, Known};

use super::keys::{self, Key};
use super::token::Rules;
use super::{AuthJwt, Place};
use crate::compiler::Compiler;
use crate::config;
use crate::error::Cause;
use crate::filter::challenge::challenge;
use crate::filter::report::Report;

/// The least bytes of a secret (RFC 7518, section 3.2).
const SECRET: usize = 32;
/// The most seconds by which clocks may differ.
const LEEWAY: f64 = 3600.0;

impl AuthJwt {
    /// Checks the directive and reads its files.
    pub(in crate::filter) fn compile(spec: &config::AuthJwt, compiler: &mut Compiler) -> Option<Self> {
        let mut report = Report::new("auth_jwt", spec.at.as_ref(), &mut compiler.problems);
        let error_response = report.error_response(spec.error_response.as_ref(), Cause::Unauthorized.status());
        let challenge = challenge("Bearer", &spec.realm, &mut report);
        let place = place(spec, &mut report);
        let keys = keys(spec, &mut report).unwrap_or_default();
        let keys = allowed(spec, keys, &mut report);
        let leeway = leeway(spec, &mut report);
        let fields = fields(spec, &mut report);
        for (option, texts) in
            [("issuer", &spec.issuer), ("audience", &spec.audience), ("required_claims", &spec.required_claims)]
        {
            if texts.iter().any(String::is_empty) {
                report.error(format!("{option}: \"\" is not a valid name: write one, or leave it out"));
            }
        }
        if !report.is_sound() {
            return None;
        }
        let rules = Rules::new(keys, &spec.issuer, &spec.audience, &spec.required_claims, leeway);
        Some(Self { rules, place: place?, fields, challenge: challenge.into(), error_response })
    }
}

/// The keys, of which there is at least one if nothing was wrong.
fn keys(spec: &config::AuthJwt, report: &mut Report<'_>) -> Option<Vec<Key>> {
    let sources = [
        ("secret", &spec.secret),
        ("public_key", &spec.public_key),
        ("public_key_file", &spec.public_key_file),
        ("jwks_file", &spec.jwks_file),
    ];
    let written: Vec<_> =
        sources.iter().filter_map(|(option, value)| value.as_ref().map(|value| (*option, value.as_str()))).collect();
    let &[(option, value)] = &written[..] else {
        let names: Vec<_> = written.iter().map(|(option, _)| *option).collect();
        report.error(match names[..] {
            [] => "there is no key to verify tokens with: write secret: \"…\", public_key: \"…\", public_key_file: \"…\" or \
                   jwks_file: \"…\""
                .to_owned(),
            _ => format!("{} are both written: keep one of them", names.join(" and ")),
        });
        return None;
    };
    let read = match option {
        "secret" => return secret(value, report),
        "public_key" => Key::of_pem(value.as_bytes()).map(|key| vec![key]),
        "public_key_file" => Key::of_pem(&report.file(option, value)?).map(|key| vec![key]),
        _ => {
            let json = report.file(option, value)?;
            keys::of_set(&json, &mut |message| report.warning(format!("{option}: {message}")))
        }
    };
    read.map_err(|message| report.error(format!("{option}: {message}"))).ok()
}

fn secret(secret: &str, report: &mut Report<'_>) -> Option<Vec<Key>> {
    if secret.trim_start().starts_with("-----BEGIN") {
        report.error("secret: this is a PEM key, not a secret: write it as public_key:");
        return None;
    }
    if secret.is_empty() {
        report.error("secret: it is empty: write the one that is shared with the issuer");
        return None;
    }
    if secret.len() < SECRET {
        report.warning(format!(
            "secret: {} bytes can be guessed by trial: use one of {SECRET} or more, as `openssl rand -hex {SECRET}` prints it",
            secret.len()
        ));
    }
    Some(vec![Key::of_secret(secret.as_bytes())])
}

/// The keys with the algorithms that are allowed.
fn allowed(spec: &config::AuthJwt, mut keys: Vec<Key>, report: &mut Report<'_>) -> Vec<Key> {
    if spec.algorithms.is_empty() {
        return keys;
    }
    let mut wanted = Vec::with_capacity(spec.algorithms.len());
    for name in &spec.algorithms {
        match keys::algorithm(name) {
            Err(message) => report.error(format!("algorithms: {message}")),
            Ok(algorithm) => {
                if let (Some(key), false) = (keys.first(), keys.iter().any(|key| key.algorithms.contains(&algorithm))) {
                    let all: Vec<_> =
                        keys.iter().flat_map(|key| &key.algorithms).map(|name| format!("{name:?}")).collect();
                    let kind = if keys.len() == 1 { key.kind() } else { "any of the keys" };
                    report.error(format!(
                        "algorithms: {name:?} does not go with {kind}: write some of {}",
                        all.join(", ")
                    ));
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

fn place(spec: &config::AuthJwt, report: &mut Report<'_>) -> Option<Place> {
    match (&spec.header, &spec.cookie) {
        (Some(_), Some(_)) => {
            report.error("header and cookie are both written: keep the place where the token is");
            None
        }
        (None, Some(name)) => {
            // A cookie's name is a token, as a field's is (RFC 6265, section 4.1.1).
            if FieldName::new(name).is_none() {
                report.error(format!(
                    "cookie: {name:?} is not a valid cookie name: use letters, digits, hyphens, underscores"
                ));
            }
            Some(Place::Cookie(name.as_str().into()))
        }
        (None, None) => Some(Place::Authorization),
        (Some(name), None) => {
            let name = report.field_name("header", name)?;
            Some(if name.known() == Some(Known::Authorization) { Place::Authorization } else { Place::Field(name) })
        }
    }
}

fn leeway(spec: &config::AuthJwt, report: &mut Report<'_>) -> u64 {
    if !(0.0..=LEEWAY).contains(&spec.leeway) {
        report.error(format!("leeway: {} is out of range: write seconds from 0 to {LEEWAY}", spec.leeway));
        return 0;
    }
    spec.leeway.ceil() as u64
}

fn fields(spec: &config::AuthJwt, report: &mut Report<'_>) -> Box<[(FieldName, Box<str>)]> {
    let mut fields = Vec::with_capacity(spec.claims_to_headers.len());
    for (name, claim) in &spec.claims_to_headers {
        if claim.is_empty() {
            report.error(format!(
                "claims_to_headers: {name}: \"\" is not a valid claim: write the name of one, such as \"sub\""
            ));
        }
        if let Some(name) = report.request_field("claims_to_headers", name) {
            fields.push((name, claim.as_str().into()));
        }
    }
    fields.into()
}
