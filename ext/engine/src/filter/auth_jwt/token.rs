//! Validation of tokens (RFC 7519).

use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{decode, decode_header, Validation};
use serde_json::{Map, Value};

use super::keys::VerifyingKey;

/// Claims of a token, by name.
pub(super) type Claims = Map<String, Value>;

/// Conditions that a token must meet.
#[derive(Debug)]
pub(super) struct Rules {
    /// Keys, each with the checks for the tokens that it signed.
    keys: Vec<(VerifyingKey, Validation)>,
    /// Claims that a token must have, besides those that [`Validation`] knows.
    required: Vec<String>,
    leeway: u64,
}

/// Reason why a token is refused, in words for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TokenRefusal(pub(super) &'static str);

impl Rules {
    /// Empty `issuers` and `audiences` are not checked, except that a token with an audience is then refused.
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

    /// The claims of the token, if it is valid.
    pub(super) fn verify(&self, token: &[u8]) -> Result<Claims, TokenRefusal> {
        let header = decode_header(token).map_err(|_| TokenRefusal("the token is malformed"))?;
        if header.crit.is_some() {
            // We understand no critical extension, and so must refuse the token (RFC 7515, section 4.1.11).
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

    /// Checks that the crate does not make.
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

/// A claim as the value of a field. A text that a field cannot hold exactly is left out: trimmed or with a character
/// missing it could be another user's name. The members of an Array are joined with commas.
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
