//! `auth_jwt`: a signed token (RFC 7519), shown as RFC 6750 says.
//!
//! The backend gets to see the token as it came.

mod compile;
mod keys;
mod token;

use std::sync::Arc;

use proxy_http::message::{FieldName, Fields, Known};

use super::credential::{self, Credential};
use super::Filtering;
use crate::compiler::Compiler;
use crate::request::{Exchange, Verdict};
use crate::respond::ErrorResponse;
pub use compile::AuthJwtConfig;
use token::{field_value, Claims, Rules, TokenRefusal};

/// An `auth_jwt` directive, compiled.
#[derive(Debug)]
pub(crate) struct AuthJwt {
    rules: Rules,
    place: TokenSource,
    /// Fields of the request, each with its claim.
    fields: Box<[(FieldName, Box<str>)]>,
    challenge: Box<str>,
    error_response: Arc<ErrorResponse>,
}

/// Where a token stands.
#[derive(Debug)]
enum TokenSource {
    /// `Authorization: Bearer TOKEN`.
    Authorization,
    /// A field of another name, with or without `Bearer` in it.
    Field(FieldName),
    Cookie(Box<str>),
}

impl Filtering for AuthJwt {
    type Config = AuthJwtConfig;

    fn compile(config: &AuthJwtConfig, compiler: &mut Compiler) -> Option<Self> {
        compile::compile(config, compiler)
    }

    /// Lets a request with a good token pass.
    async fn admit(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        let refusal = match self.place.token(&exchange.work.request.fields) {
            Credential::One(token) => match self.rules.verify(token) {
                Ok(claims) => {
                    self.tell(&claims, exchange);
                    return None;
                }
                Err(refusal) => Some(refusal),
            },
            Credential::Several => Some(TokenRefusal("there are several tokens")),
            // Who shows nothing did nothing wrong (RFC 6750, section 3.1).
            Credential::Nothing => None,
        };
        let challenge = match refusal {
            None => self.challenge.to_string(),
            Some(TokenRefusal(why)) => {
                format!("{}, error=\"invalid_token\", error_description=\"{why}\"", self.challenge)
            }
        };
        exchange.debug(format_args!("auth_jwt: {}", refusal.map_or("no token", |refusal| refusal.0)));
        exchange.work.extra.set(Known::WwwAuthenticate, challenge.as_bytes());
        Some(exchange.answer_error(&self.error_response).await)
    }
}

impl AuthJwt {
    /// Tells the backend what the token says, in place of what the client says.
    fn tell(&self, claims: &Claims, exchange: &mut Exchange<'_>) {
        for (name, claim) in &self.fields {
            let fields = &mut exchange.work.request.fields;
            match claims.get(&**claim).and_then(field_value) {
                Some(value) => fields.set(name, value.as_bytes()),
                None => fields.remove(name),
            }
            exchange.log_as_verified(name);
        }
        if let Some(subject) = claims.get("sub").and_then(field_value) {
            exchange.work.set_user(subject.as_bytes());
        }
    }
}

impl TokenSource {
    fn token<'f>(&'f self, fields: &'f Fields) -> Credential<&'f [u8]> {
        match self {
            TokenSource::Authorization => credential::credentials(fields, "Bearer"),
            TokenSource::Field(name) => match credential::field(fields, name) {
                Credential::One(value) => Credential::One(credential::after_scheme(value, "Bearer").unwrap_or(value)),
                other => other,
            },
            TokenSource::Cookie(name) => credential::cookie(fields, name),
        }
    }
}
