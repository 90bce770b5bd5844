//! Whether a token (RFC 7519) is good.

use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{decode, decode_header, Validation};
use serde_json::{Map, Value};

use super::keys::VerifyingKey;

/// What a token says.
pub(super) type Claims = Map<String, Value>;

/// What a token must be.
#[derive(Debug)]
pub(super) struct Rules {
    /// Each with what its tokens must say.
    keys: Vec<(VerifyingKey, Validation)>,
    /// Claims that must be there, besides those that [`Validation`] knows.
    required: Vec<String>,
    leeway: u64,
}

/// Why a token is not good, in words for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TokenRefusal(pub(super) &'static str);

impl Rules {
    /// `issuers` and `audiences` that are empty are not asked for; but a token for some audience is not for us then.
    pub(super) fn new(
        keys: Vec<VerifyingKey>,
        issuers: &[String],
        audiences: &[String],
        required: &[String],
        leeway: u64,
    ) -> Self {
        let mut known: Vec<&str> = required.iter().map(String::as_str).collect();
        known.extend((!issuers.is_empty()).then_some("iss"));
        known.extend((!audiences.is_empty()).then_some("aud"));
        let validation = |key: &VerifyingKey| {
            let mut validation = Validation::default();
            validation.algorithms.clone_from(&key.algorithms);
            validation.set_required_spec_claims(&known);
            validation.leeway = leeway;
            validation.validate_nbf = true;
            if !issuers.is_empty() {
                validation.set_issuer(issuers);
            }
            if !audiences.is_empty() {
                validation.set_audience(audiences);
            }
            validation
        };
        let keys =
            keys.into_iter().map(|key| (validation(&key), key)).map(|(validation, key)| (key, validation)).collect();
        Self { keys, required: required.to_vec(), leeway }
    }

    /// What the token says, if it is good.
    pub(super) fn verify(&self, token: &[u8]) -> Result<Claims, TokenRefusal> {
        let header = decode_header(token).map_err(|_| TokenRefusal("the token is malformed"))?;
        if header.crit.is_some() {
            // What it must be understood by is understood by nobody here (RFC 7515, section 4.1.11).
            return Err(TokenRefusal("the token has a critical extension"));
        }
        let mut refusal = TokenRefusal("the token was not signed with a key that is known here");
        for (key, validation) in &self.keys {
            let named = match (&key.id, &header.kid) {
                (Some(id), Some(wanted)) => **id == **wanted,
                _ => true,
            };
            if !named || !key.algorithms.contains(&header.alg) {
                continue;
            }
            match decode::<Claims>(token, &key.key, validation) {
                Ok(token) => return self.check(token.claims),
                Err(error) if *error.kind() == ErrorKind::InvalidSignature => refusal = why(error.kind()),
                Err(error) => return Err(why(error.kind())),
            }
        }
        Err(refusal)
    }

    /// What the crate does not look at.
    fn check(&self, claims: Claims) -> Result<Claims, TokenRefusal> {
        if self.required.iter().any(|name| claims.get(name).is_none_or(Value::is_null)) {
            return Err(TokenRefusal(MISSING));
        }
        match claims.get("iat").map(Value::as_f64) {
            None => {}
            Some(Some(issued)) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                if issued > (now.as_secs() + self.leeway) as f64 {
                    return Err(TokenRefusal("the token is from the future"));
                }
            }
            Some(None) => return Err(TokenRefusal("the token is malformed")),
        }
        Ok(claims)
    }
}

const MISSING: &str = "a claim is missing";

fn why(error: &ErrorKind) -> TokenRefusal {
    TokenRefusal(match error {
        ErrorKind::InvalidSignature => "the signature is wrong",
        ErrorKind::ExpiredSignature => "the token has expired",
        ErrorKind::ImmatureSignature => "the token is not valid yet",
        ErrorKind::InvalidIssuer => "the token is of another issuer",
        ErrorKind::InvalidAudience => "the token is for another audience",
        ErrorKind::MissingRequiredClaim(_) => MISSING,
        _ => "the token is malformed",
    })
}

/// A claim as the value of a field. A text that cannot stand in one exactly as it is, is left out: what is trimmed or
/// lacks a character could be somebody else's name. An Array is its members with commas between them.
pub(super) fn field_value(claim: &Value) -> Option<String> {
    let value = match claim {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(yes) => yes.to_string(),
        Value::Array(members) => {
            let members: Vec<_> = members.iter().filter(|one| !one.is_array()).filter_map(field_value).collect();
            let single: Vec<_> = members.into_iter().filter(|one| !one.contains(',')).collect();
            single.join(",")
        }
        Value::Null | Value::Object(_) => return None,
    };
    let fits = !value.is_empty() && value.trim() == value && !value.chars().any(char::is_control);
    fits.then_some(value)
}

#[cfg(test)]
mod tests;
