//! Who says which names may have a certificate that are not written: a Ruby block, or a URL.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};

use crate::blocks::{Block, BlockArgument, BlockFailure, BlockLimits, BlockSet, BlockValue};
use crate::compile::Report;
use crate::config::{AcmeConfig, OnDemandConfig};
use crate::control::client::{read_url, ClientSettings, HttpClient};

/// Questions to a block that run at once.
const THREADS: usize = 4;
/// Largest answer of a URL that is read. Only its status counts.
const LARGEST: usize = 64 * 1024;
/// Longest name (RFC 1035, section 2.3.4), and longest part of it between two dots.
const LONGEST: usize = 253;
const LONGEST_LABEL: usize = 63;

/// A compiled `on_demand`, with its limits.
#[derive(Debug)]
pub(crate) struct OnDemand {
    decider: Decider,
    timeout: Duration,
    /// Time for which a no is remembered.
    pub(super) refused_for: Duration,
    /// Certificates ordered in a minute.
    pub(super) per_minute: usize,
    /// Handshakes that wait at once.
    pub(super) waiting: usize,
}

#[derive(Debug)]
enum Decider {
    Block(Block),
    Url(Box<HttpClient>, String),
}

/// An answer about a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Permission {
    Yes,
    No,
    /// There is no answer.
    Failed(String),
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Yes => f.write_str("yes"),
            Self::No => f.write_str("no"),
            Self::Failed(why) => write!(f, "nothing: {why}"),
        }
    }
}

impl OnDemand {
    /// Reads `on_demand` and `on_demand_limits`. `None` if nobody decides, or if something is wrong.
    pub(super) fn compile(config: &AcmeConfig, blocks: &BlockSet, report: &mut Report<'_>) -> Option<Self> {
        let mut limits = report.within("on_demand_limits");
        let written = &config.on_demand_limits;
        let timeout = limits.within("timeout").seconds(written.timeout);
        let refused_for = limits.within("refused_for").seconds_or_zero(written.refused_for);
        let per_minute = limits.within("per_minute").count(written.per_minute, 1..=100_000) as usize;
        let waiting = limits.within("waiting").count(written.waiting, 1..=100_000) as usize;
        let is_sound = limits.is_sound();
        let at = report.at();
        let decider = match config.on_demand.as_ref()? {
            OnDemandConfig::Block(index) => {
                let limits = BlockLimits { threads: THREADS, queue: waiting };
                Decider::Block(blocks.block(*index, limits, "on_demand", at))
            }
            OnDemandConfig::Url(url) => {
                let mut report = report.within("on_demand");
                if read_url(url).is_none() {
                    let example = "\"http://127.0.0.1:3000/domains\"";
                    report.error(format!("{url:?} is not a valid URL: write one such as {example}"));
                    return None;
                }
                let settings = ClientSettings { ca_file: None, timeout, max_body: LARGEST };
                Decider::Url(Box::new(report.ok(HttpClient::new(settings))?), url.clone())
            }
        };
        is_sound.then_some(Self { decider, timeout, refused_for, per_minute, waiting })
    }

    /// Asks whether the name may have a certificate.
    pub(super) async fn ask(&self, name: &str) -> Permission {
        match &self.decider {
            Decider::Block(block) => {
                let answer = block.call(BlockArgument::Value(BlockValue::from(name)), self.timeout).await;
                match answer {
                    Ok(BlockValue::Bool(true)) => Permission::Yes,
                    Ok(_) => Permission::No,
                    Err(failure @ BlockFailure::Late) => {
                        block.warn(format_args!("{name}: {failure}"));
                        Permission::Failed(failure.to_string())
                    }
                    Err(failure) => Permission::Failed(failure.to_string()),
                }
            }
            Decider::Url(client, url) => {
                let sign = if url.contains('?') { '&' } else { '?' };
                let request = Request::get(format!("{url}{sign}domain={name}")).body(Bytes::new());
                let Ok(request) = request else { return Permission::Failed("the URL is not valid".into()) };
                match client.send(request).await {
                    Ok(response) if response.status() == StatusCode::OK => Permission::Yes,
                    Ok(response) if response.status().is_server_error() => {
                        Permission::Failed(format!("{url}: the status is {}", response.status().as_u16()))
                    }
                    Ok(_) => Permission::No,
                    Err(error) => Permission::Failed(error.to_string()),
                }
            }
        }
    }
}

/// Whether a name can have a certificate on demand: two labels or more, and no address.
pub(super) fn is_host_name(name: &str) -> bool {
    name.contains('.') && is_certifiable(name)
}

/// Whether a name can have a certificate at all: labels of letters, digits and hyphens (RFC 1123, section 2.1), and no
/// address.
pub(super) fn is_certifiable(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LONGEST_LABEL).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let top = name.rsplit('.').next().unwrap_or(name);
    name.len() <= LONGEST
        && name.split('.').all(is_label)
        && !top.bytes().all(|byte| byte.is_ascii_digit())
        && name.parse::<IpAddr>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_public_authority_could_certify_is_a_name() {
        for name in ["a.example", "xn--bcher-kva.example", "1.a.example", "a-b.c-d.example"] {
            assert!(is_host_name(name), "{name}");
        }
        let (long, longer) = (format!("{}.example", "a".repeat(64)), format!("{}example", "a.".repeat(124)));
        for name in [
            "",
            "localhost",
            "a..example",
            "-a.example",
            "a-.example",
            "a_b.example",
            "*.example",
            "127.0.0.1",
            "1.2",
            ".a",
        ] {
            assert!(!is_host_name(name), "{name}");
        }
        assert!(!is_host_name(&long) && !is_host_name(&longer));
    }
}
