//! Certificates that the proxy gets by itself, as they were written.

use serde::{Deserialize, Serialize};

use super::{At, BlockIndex};

/// `acme email: "ops@example.com"`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AcmeConfig {
    /// Address that the authority may write to. Default: none.
    pub email: Option<String>,
    /// Authorities in the order in which they are asked: `letsencrypt`, `letsencrypt_staging`, `zerossl`, `google`, or
    /// the URL of a directory (RFC 8555, section 7.1.1).
    pub authority: Vec<String>,
    /// A PEM file with the authorities that sign the directory's own certificate. Default: those that the system
    /// trusts.
    pub ca_file: Option<String>,
    /// External account bindings (RFC 8555, section 7.3.4).
    pub eab: Vec<EabConfig>,
    /// Challenges in the order of preference: `tls-alpn-01`, `http-01`, `dns-01`, `dns-persist-01`. Default: the first
    /// two, and `dns-01` if `dns` is written.
    pub challenge: Option<Vec<String>>,
    /// What writes TXT records for `dns-01`.
    pub dns: Option<DnsProviderConfig>,
    /// Seconds that a TXT record may take to be seen at all servers of its zone; `None`: nobody looks. Default 120.
    pub propagation: Option<f64>,
    /// Kind of certificate, such as `shortlived`. Default: the authority's.
    pub profile: Option<String>,
    /// Kind of the certificates' keys: `p256`, `p384`, `rsa2048` or `rsa4096`. Default `p256`.
    pub key: String,
    /// When a certificate is renewed, if not when the authority says (RFC 9773): below 1 the fraction of its life that
    /// is then left, else the seconds before its end. Default: as the authority says, else a third, and a half of a
    /// life under ten days.
    pub renew: Option<f64>,
    /// Certificates that are kept in memory. Default 1 000.
    pub cache: i64,
    /// Where accounts, keys, certificates and their states are kept. Default: a folder.
    pub storage: Option<StorageConfig>,
    /// Who says which names that are not written may have a certificate. Default: none may.
    pub on_demand: Option<OnDemandConfig>,
    /// Limits of `on_demand`.
    pub on_demand_limits: OnDemandLimits,
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
}

/// An account that the authority already knows, for a new account to belong to.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct EabConfig {
    /// Authority, as in `authority`. `None`: each.
    pub authority: Option<String>,
    /// Identifier of the key.
    pub id: String,
    /// The key, in base64url.
    pub key: String,
}

/// What writes TXT records.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DnsProviderConfig {
    /// A Ruby object or block. It is called with `{"op" => "add" or "remove", "name" => …, "value" => …}`.
    Block(BlockIndex),
    /// A program and its arguments. `add` or `remove`, the name and the value come behind them.
    Command(Vec<String>),
    /// A name server that takes updates (RFC 2136).
    Rfc2136(Rfc2136Config),
}

/// `{ rfc2136: "ns.example.com", key: { name: "acme", secret: "…" } }`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rfc2136Config {
    /// Name server, as `HOST` or `HOST:PORT`.
    pub server: String,
    /// Name of the key that signs updates (TSIG, RFC 8945). `None`: they are not signed.
    pub key_name: Option<String>,
    /// The key in base64.
    pub key_secret: Option<String>,
    /// `hmac-sha256`, `hmac-sha384` or `hmac-sha512`. Default `hmac-sha256`.
    pub key_algorithm: Option<String>,
    /// The zone. Default: the one that the server says the name is in.
    pub zone: Option<String>,
}

/// Where state is kept that outlives the process.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StorageConfig {
    /// An absolute path.
    Folder(String),
    /// A Ruby object. It is called with `{"op" => "load", "store", "delete", "list" or "lock", "key" => …}`.
    Block(BlockIndex),
}

/// Who decides about a name.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDemandConfig {
    /// A Ruby block, called with the name.
    Block(BlockIndex),
    /// A URL, asked with `?domain=NAME`; the status 200 is a yes.
    Url(String),
}

/// What unknown names may cost.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct OnDemandLimits {
    /// Seconds within which the answer must come. Default 2.
    pub timeout: f64,
    /// Seconds for which a no is remembered. Default 60.
    pub refused_for: f64,
    /// Certificates ordered in a minute. Default 10.
    pub per_minute: i64,
    /// Handshakes that wait at once. Default 64.
    pub waiting: i64,
}

impl Default for OnDemandLimits {
    fn default() -> Self {
        Self { timeout: 2.0, refused_for: 60.0, per_minute: 10, waiting: 64 }
    }
}

impl Default for AcmeConfig {
    fn default() -> Self {
        Self {
            email: None,
            authority: vec!["letsencrypt".into()],
            ca_file: None,
            eab: Vec::new(),
            challenge: None,
            dns: None,
            propagation: Some(120.0),
            profile: None,
            key: "p256".into(),
            renew: None,
            cache: 1_000,
            storage: None,
            on_demand: None,
            on_demand_limits: OnDemandLimits::default(),
            at: None,
        }
    }
}
