//! Where the control API is served, as the configuration says.

use std::sync::Arc;

use aws_lc_rs::{constant_time, digest};

use crate::compile::Report;
use crate::config::{At, ControlConfig, Problem};
use crate::listen::{unix_socket, BindAddress};

/// The directive.
const WORD: &str = "control";
/// Fewest characters of a token: that many cannot be guessed.
const SHORTEST_TOKEN: usize = 32;

/// One address of the control API.
#[derive(Debug, Clone)]
pub(crate) struct ControlPlace {
    pub(crate) address: BindAddress,
    /// As it is shown: `unix:///run/proxy.sock` or `http://127.0.0.1:9090`.
    pub(crate) url: String,
    /// What a client over TCP must know.
    pub(crate) token: Option<Token>,
    /// Path of the metrics, if nothing else is served there.
    pub(crate) metrics: Option<Arc<str>>,
    /// Whether a server runs without it if it cannot be used.
    pub(crate) is_optional: bool,
    pub(crate) at: Option<At>,
}

impl ControlPlace {
    /// Checks the directives.
    pub(crate) fn compile(config: &[ControlConfig], problems: &mut Vec<Problem>) -> Vec<Self> {
        let mut places: Vec<Self> = Vec::with_capacity(config.len());
        for config in config {
            let mut report = Report::new(WORD, config.at.as_ref(), problems);
            let Some(place) = Self::read(config, &mut report) else { continue };
            let is_fixed = place.address.port().is_some() || matches!(place.address, BindAddress::Unix(_));
            if is_fixed && places.iter().any(|known| known.address == place.address) {
                report.error(format!("{} is written twice: keep one of the lines", place.url));
                continue;
            }
            places.push(place);
        }
        places
    }

    fn read(config: &ControlConfig, report: &mut Report<'_>) -> Option<Self> {
        let url = config.address.clone();
        if url.starts_with("https") {
            report.error(format!(
                "{url:?}: TLS is not spoken there: write \"http://127.0.0.1:9090\", or the path of a socket, such as \
                 \"unix:tmp/proxy.sock\""
            ));
            return None;
        }
        let address = report.ok(BindAddress::parse(&url))?;
        let is_unix = matches!(address, BindAddress::Unix(_));
        let token = match (&config.token, is_unix) {
            (Some(_), true) => {
                report.within("token").error(
                    "a socket needs none, only its owner and root may use it: leave it out, or write an address, such \
                     as \"http://127.0.0.1:9090\"",
                );
                return None;
            }
            (None, false) => {
                report.error(format!(
                    "{url} needs a token, since anybody may connect there: write token: with at least \
                     {SHORTEST_TOKEN} random characters, or a socket, such as \"unix:tmp/proxy.sock\""
                ));
                return None;
            }
            (None, true) => None,
            (Some(token), false) => match Token::new(token) {
                Ok(token) => Some(token),
                Err(message) => {
                    report.within("token").error(message);
                    return None;
                }
            },
        };
        let ControlConfig { is_optional, at, .. } = config.clone();
        Some(Self { address, url, token, metrics: None, is_optional, at })
    }

    /// A place for metrics alone: `http://127.0.0.1:9394/metrics`.
    pub(crate) fn of_metrics(url: &str, report: &mut Report<'_>) -> Option<Self> {
        let at = report.at().cloned();
        let Some(rest) = url.strip_prefix("http://") else {
            report.error(format!(
                "{url:?} is not served: write an address of this machine, such as \"http://127.0.0.1:9394/metrics\""
            ));
            return None;
        };
        let (address, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let path = if path.len() > 1 { path } else { "/metrics" };
        if !path.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'*')) {
            report.error(format!("{path:?} is not a path: write one such as /metrics"));
            return None;
        }
        let url = format!("http://{address}");
        let address = report.ok(BindAddress::parse(&url))?;
        Some(Self { address, url, token: None, metrics: Some(path.into()), is_optional: false, at })
    }

    /// The problem with a place where the API cannot be served.
    pub(crate) fn problem(&self, error: &std::io::Error) -> Problem {
        use std::io::ErrorKind;
        let why = match (error.kind(), &self.address) {
            (ErrorKind::AddrInUse, BindAddress::Unix(_)) => {
                "a running proxy listens there: stop that one first, or write another path".into()
            }
            (ErrorKind::AddrInUse, BindAddress::Tcp(_)) => "the address is in use: write another port".into(),
            (ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem, BindAddress::Unix(path)) => {
                unix_socket::denied(path, error)
            }
            (ErrorKind::PermissionDenied, BindAddress::Tcp(_)) => {
                "permission was denied: write a port above 1023".into()
            }
            (ErrorKind::NotFound, _) => "the folder does not exist: create it first, or write another path".into(),
            _ => error.to_string(),
        };
        let message = format!("{}: {why}", self.url);
        if self.is_optional {
            return Problem::warning(self.at.as_ref(), WORD, format!("{message}; it goes without a control socket"));
        }
        let word = if self.metrics.is_some() { "metrics" } else { WORD };
        Problem::error(self.at.as_ref(), word, message)
    }
}

/// A secret, of which only a digest is kept. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token([u8; 32]);

impl Token {
    fn new(token: &str) -> Result<Self, String> {
        let length = token.chars().count();
        if length < SHORTEST_TOKEN {
            return Err(format!(
                "{length} characters are too few: write at least {SHORTEST_TOKEN} random ones, such as those of \
                 `openssl rand -hex 32`"
            ));
        }
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("only visible ASCII characters can be sent: write such as `openssl rand -hex 32` prints".into());
        }
        Ok(Self::digest(token.as_bytes()))
    }

    fn digest(given: &[u8]) -> Self {
        let mut digest = [0; 32];
        digest.copy_from_slice(digest::digest(&digest::SHA256, given).as_ref());
        Self(digest)
    }

    /// Whether that is the token. It takes the same time for every wrong one.
    pub(crate) fn is(&self, given: &[u8]) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &Self::digest(given).0).is_ok()
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

#[cfg(test)]
mod tests;
