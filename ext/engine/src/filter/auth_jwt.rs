//! `auth_jwt`: a signed token (RFC 7519), sent as a bearer token (RFC 6750).
//!
//! The backend gets the token as it came.

mod compile;
mod keys;
mod token;

use std::sync::Arc;

use proxy_http::message::{FieldName, Fields, Known, RequestHead};

use super::credential::{self, Credential};
use super::Filtering;
use crate::client::ClientInfo;
use crate::compiler::Compiler;
use crate::error::EndReason;
use crate::request::{Exchange, OwnAnswer, Verdict};
use crate::respond::ErrorResponse;
pub use compile::AuthJwtConfig;
use token::{field_value, Claims, Rules, TokenRefusal};

/// An `auth_jwt` directive, compiled.
#[derive(Debug)]
pub(crate) struct AuthJwt {
    rules: Rules,
    place: TokenSource,
    /// Fields that are set on the request, each with its claim.
    fields: Box<[(FieldName, Box<str>)]>,
    challenge: Box<str>,
    error_response: Arc<ErrorResponse>,
}

/// Part of the request that holds the token.
#[derive(Debug)]
enum TokenSource {
    /// `Authorization: Bearer TOKEN`.
    Authorization,
    /// Another field, with or without `Bearer` before the token.
    Field(FieldName),
    Cookie(Box<str>),
}

impl Filtering for AuthJwt {
    type Config = AuthJwtConfig;

    const KNOWS_THE_CLIENT: bool = true;

    fn compile(config: &AuthJwtConfig, compiler: &mut Compiler) -> Option<Self> {
        compile::compile(config, compiler)
    }

    fn foretell(&self, request: &RequestHead, _: &ClientInfo) -> Option<OwnAnswer> {
        let refusal = self.claims(&request.fields).err()?;
        Some(OwnAnswer::challenge(&self.error_response, request, &self.challenge(refusal.as_ref())))
    }

    /// Lets a request pass that has a valid token.
    async fn admit(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        let refusal = match self.claims(&exchange.work.request.fields) {
            Ok(claims) => {
                self.tell(&claims, exchange);
                return None;
            }
            Err(refusal) => refusal,
        };
        let challenge = self.challenge(refusal.as_ref());
        exchange.debug(format_args!("auth_jwt: {}", refusal.map_or("no token", |refusal| refusal.0)));
        exchange.work.response_additions.set(Known::WwwAuthenticate, challenge.as_bytes());
        Some(exchange.refuse(EndReason::Denied, &self.error_response).await)
    }
}

impl AuthJwt {
    /// The claims of the request's token, if it is valid. `Err(None)`: there is no token.
    fn claims(&self, fields: &Fields) -> Result<Claims, Option<TokenRefusal>> {
        match self.place.token(fields) {
            Credential::One(token) => self.rules.verify(token).map_err(Some),
            Credential::Several => Err(Some(TokenRefusal("there are several tokens"))),
            Credential::Nothing => Err(None),
        }
    }

    /// Value of `WWW-Authenticate`. A request without a token gets no error code (RFC 6750, section 3.1).
    fn challenge(&self, refusal: Option<&TokenRefusal>) -> String {
        match refusal {
            None => self.challenge.to_string(),
            Some(TokenRefusal(why)) => {
                format!("{}, error=\"invalid_token\", error_description=\"{why}\"", self.challenge)
            }
        }
    }

    /// Sets fields of the request from the token's claims, in place of the client's fields.
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
