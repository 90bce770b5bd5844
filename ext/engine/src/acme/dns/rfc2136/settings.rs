//! The server, the key and the zone, as they were written.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use base64::prelude::{Engine, BASE64_STANDARD};
use hickory_proto::rr::rdata::tsig::TsigAlgorithm;
use hickory_proto::rr::{Name, TSigner};

use super::super::full_name;
use super::Rfc2136Provider;
use crate::compile::Report;
use crate::config::Rfc2136Config;
use crate::upstream::dns::Dns;

/// Seconds by which the clocks of both sides may differ (RFC 8945, section 10).
const FUDGE: u16 = 300;

/// Makes an algorithm, which cannot be copied.
type Maker = fn() -> TsigAlgorithm;

const ALGORITHMS: [(&str, Maker); 3] = [
    ("hmac-sha256", || TsigAlgorithm::HmacSha256),
    ("hmac-sha384", || TsigAlgorithm::HmacSha384),
    ("hmac-sha512", || TsigAlgorithm::HmacSha512),
];

impl Rfc2136Provider {
    /// `None` if something is wrong; `report` then says what.
    pub(in super::super) fn compile(config: &Rfc2136Config, dns: Arc<Dns>, report: &mut Report<'_>) -> Option<Self> {
        let mut report = report.anew();
        let server = host_and_port(&config.server);
        if server.is_none() {
            report.within("rfc2136").error(format!(
                "{:?} is not a valid name server: write HOST or HOST:PORT, as in \"ns.example.com\"",
                config.server
            ));
        }
        let signer = signer(config, &mut report.within("key"));
        let zone = config.zone.as_ref().and_then(|zone| report.within("zone").ok(full_name(zone)));
        if !report.is_sound() {
            return None;
        }
        let (host, port) = server?;
        Some(Self { shown: config.server.clone(), host, port, signer, zone, dns })
    }
}

/// The key; `None` if none is written, or if it is wrong.
fn signer(config: &Rfc2136Config, report: &mut Report<'_>) -> Option<TSigner> {
    let algorithm = config.key_algorithm.as_deref().unwrap_or("hmac-sha256");
    let algorithm = report.within("algorithm").one_of(algorithm, "is unknown", &ALGORITHMS);
    let (name, secret) = match (&config.key_name, &config.key_secret) {
        (Some(name), Some(secret)) => (name, secret),
        (None, None) => return None,
        (Some(_), None) => {
            report.error("it has no secret: write secret: with what tsig-keygen shows");
            return None;
        }
        (None, Some(_)) => {
            report.error("it has no name: write name: with the name that the server knows it by");
            return None;
        }
    };
    let name: Option<Name> = report.within("name").ok(full_name(name));
    let secret = BASE64_STANDARD.decode(secret.trim()).ok().filter(|secret| !secret.is_empty());
    if secret.is_none() {
        // The text is a secret.
        report.within("secret").error("this is not base64: write what tsig-keygen shows behind `secret`");
    }
    report.within("algorithm").ok(TSigner::new(secret?, algorithm?(), name?, FUDGE).map_err(|error| error.to_string()))
}

/// Reads `HOST`, `HOST:PORT`, `[IPV6]:PORT` or an IPv6 address alone.
fn host_and_port(text: &str) -> Option<(String, u16)> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return Some((ip.to_string(), 53));
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some((address.ip().to_string(), address.port())).filter(|(_, port)| *port > 0);
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok().filter(|port| *port > 0)?),
        None => (text, 53),
    };
    let is_name = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    (!host.is_empty() && is_name).then(|| (host.to_owned(), port))
}
