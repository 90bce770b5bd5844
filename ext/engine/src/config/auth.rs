//! The filters that ask who sent a request, as they were written.

use serde::{Deserialize, Serialize};

use super::{At, ErrorResponse};

/// `auth_basic realm: "Staff", credentials: { "ann" => "$2y$…" }`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthBasic {
    /// What a browser shows beside the fields for user and password.
    pub realm: String,
    /// Users and the hashes of their passwords.
    pub credentials: Option<Vec<(String, String)>>,
    /// A file of `htpasswd` in their place.
    pub file: Option<String>,
    /// What a refused request is answered. Default: the built-in 401.
    pub error_response: Option<ErrorResponse>,
    /// Where it was written.
    pub at: Option<At>,
}

impl Default for AuthBasic {
    fn default() -> Self {
        Self { realm: REALM.into(), credentials: None, file: None, error_response: None, at: None }
    }
}

/// `auth_api_key keys: { "billing" => "sha256:…" }`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthApiKey {
    /// The keys, each with its name if it has one: as they are, or `sha256:` and the digest in hexadecimal.
    pub keys: Vec<(Option<String>, String)>,
    /// The field that a key stands in. Default: `X-Api-Key`, without `query`.
    pub header: Option<String>,
    /// The parameter of the query that it stands in, in place of a field.
    pub query: Option<String>,
    /// Whether it is taken out of the request before a backend sees it.
    pub strip: bool,
    /// What a refused request is answered. Default: the built-in 401.
    pub error_response: Option<ErrorResponse>,
    /// Where it was written.
    pub at: Option<At>,
}

/// `auth_jwt public_key_file: "issuer.pem", audience: "api"`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthJwt {
    /// The secret that is shared with the issuer.
    pub secret: Option<String>,
    /// The issuer's public key in PEM.
    pub public_key: Option<String>,
    /// A file with it.
    pub public_key_file: Option<String>,
    /// A file with the issuer's set of keys (RFC 7517).
    pub jwks_file: Option<String>,
    /// `HS256`, `RS256`, … Default: all that go with the key.
    pub algorithms: Vec<String>,
    /// Who may have issued a token. Default: not asked.
    pub issuer: Vec<String>,
    /// Whom a token may be for. Default: no token that names an audience is good.
    pub audience: Vec<String>,
    /// Seconds by which the clocks may differ.
    pub leeway: f64,
    /// The field that a token stands in. Default: `Authorization`, without `cookie`.
    pub header: Option<String>,
    /// The cookie that it stands in, in place of a field.
    pub cookie: Option<String>,
    /// Claims that a token must have.
    pub required_claims: Vec<String>,
    /// Fields of the request, each with the claim that it is set to.
    pub claims_to_headers: Vec<(String, String)>,
    /// What `WWW-Authenticate` calls this place.
    pub realm: String,
    /// What a refused request is answered. Default: the built-in 401.
    pub error_response: Option<ErrorResponse>,
    /// Where it was written.
    pub at: Option<At>,
}

impl Default for AuthJwt {
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
            realm: REALM.into(),
            error_response: None,
            at: None,
        }
    }
}

/// `forward_auth to: "http://auth.internal/verify", copy_headers: ["X-User"]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ForwardAuth {
    /// The URL that is asked, a string rewrite.
    pub to: Option<String>,
    /// Fields of its answer that become fields of the request.
    pub copy_headers: Vec<String>,
    /// Seconds for the whole answer.
    pub timeout: f64,
    /// What a request is answered when it cannot be asked. Default: the built-in 502.
    pub error_response: Option<ErrorResponse>,
    /// Where it was written.
    pub at: Option<At>,
}

impl Default for ForwardAuth {
    fn default() -> Self {
        Self { to: None, copy_headers: Vec::new(), timeout: 5.0, error_response: None, at: None }
    }
}

const REALM: &str = "Restricted";
