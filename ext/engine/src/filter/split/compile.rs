//! Options of `split`, and their compilation.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::ticket::ClientTickets;
use super::{hundredths, ClientKey, Shares, Split, SplitPart, WHOLE};
use crate::compile::{Report, Word};
use crate::compiler::Compiler;
use crate::config::At;
use crate::networks::Networks;

/// Bytes of the shortest secret.
const SHORTEST_SECRET: usize = 16;

/// `split by: { cookie: "uid" }, "v2" => 10`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SplitConfig {
    /// What decides where a request goes. Default: chance, for each request anew.
    pub by: Option<SplitKey>,
    /// Upstreams by name, each with the percentage of requests that it gets.
    pub parts: Vec<(String, f64)>,
    /// Clients that always get the first upstream: addresses, networks, and values of the cookie or the field in `by`.
    pub allow: Vec<String>,
    /// Whether the rest's backends serve while no backend of the chosen upstream can.
    pub fallback: bool,
    /// Secret of the cookie for clients without a value. Default: that of the process.
    pub secret: Option<String>,
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
}

impl Default for SplitConfig {
    fn default() -> Self {
        Self { by: None, parts: Vec::new(), allow: Vec::new(), fallback: true, secret: None, at: None }
    }
}

/// `{ cookie: "uid" }`, `{ header: "X-Account" }`, `"address"` or `"client"`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitKey {
    /// The value of the cookie with this name.
    Cookie(String),
    /// The value of the request field with this name.
    Header(String),
    /// The client's address. An IPv6 address counts as its network of 64 bits.
    Address,
    /// A cookie of the proxy's own.
    Client,
}

/// Checks the directive.
pub(super) fn compile(config: &SplitConfig, compiler: &mut Compiler) -> Option<Split> {
    let mut report = Report::new(Split::WORD, config.at.as_ref(), &mut compiler.problems);
    if config.parts.is_empty() {
        report.error("names no upstream: write a name with its per cent, such as \"v2\" => 10");
    }
    let mut parts = Vec::with_capacity(config.parts.len());
    let mut written = Vec::with_capacity(config.parts.len());
    for (name, percent) in &config.parts {
        let percent = report.within(&format!("{name:?}")).percent(*percent);
        written.push(hundredths(percent));
        let Some(upstream) = compiler.upstreams.of_name(name, &mut report) else { continue };
        let seed = xxh3_64(upstream.name().as_bytes());
        parts.push(SplitPart { name: upstream.name().into(), upstream, seed });
    }
    let sum: u32 = written.iter().sum();
    if report.is_sound() && sum > WHOLE {
        report.error(format!(
            "the percentages are {} together: write 100 at most; what is left of it goes to the proxy of the location",
            f64::from(sum) / 100.0
        ));
    }
    let key = config.by.as_ref().and_then(|by| key(by, &mut report.within("by")));
    let (addresses, values) = allowed(config, &mut report.within("allow"));
    let secret = secret(config, &mut report.within("secret"));
    if !report.is_sound() {
        return None;
    }
    let filters = &mut compiler.carried_over.filters;
    let tickets = secret.map_or_else(ClientTickets::of_process, ClientTickets::new);
    let before = compiler.before.as_deref().map(|before| &before.filters);
    let written: Box<[u32]> = written.into();
    let names: Vec<_> = config.parts.iter().map(|(name, _)| name.clone()).collect();
    // What was set at run time stays until the file says something else.
    let recipe = (compiler.place.clone(), names, written.clone());
    let shares = filters.own(before, recipe, || Shares {
        now: written.iter().map(|share| (*share).into()).collect(),
        written: written.clone(),
    });
    Some(Split { key, parts: parts.into(), shares, addresses, values, fallback: config.fallback, tickets })
}

fn key(by: &SplitKey, report: &mut Report<'_>) -> Option<ClientKey> {
    Some(match by {
        SplitKey::Cookie(name) => {
            // The characters of a field's name are those of a cookie's (RFC 6265, section 4.1.1).
            if proxy_http::message::FieldName::new(name).is_none() {
                report.within("cookie").error(format!(
                    "{name:?} cannot be the name of a cookie: write letters, digits, hyphens and underscores"
                ));
                return None;
            }
            ClientKey::Cookie(name.as_str().into())
        }
        SplitKey::Header(name) => ClientKey::Header(report.within("header").field_name(name)?),
        SplitKey::Address => ClientKey::Address,
        SplitKey::Client => ClientKey::Ticket,
    })
}

/// Addresses and networks, and all else: values of what decides.
fn allowed(config: &SplitConfig, report: &mut Report<'_>) -> (Networks, Box<[Box<[u8]>]>) {
    let has_values = matches!(config.by, Some(SplitKey::Cookie(_) | SplitKey::Header(_)));
    let is_address = |text: &&String| text.parse::<std::net::IpAddr>().is_ok() || text.contains('/');
    // Where no value decides, what is no address is a mistake.
    let (addresses, values): (Vec<_>, Vec<_>) = config.allow.iter().partition(|text| !has_values || is_address(text));
    let addresses: Vec<String> = addresses.into_iter().cloned().collect();
    (Networks::compile(&addresses, report), values.into_iter().map(|value| value.as_bytes().into()).collect())
}

fn secret<'c>(config: &'c SplitConfig, report: &mut Report<'_>) -> Option<&'c [u8]> {
    let secret = config.secret.as_ref()?;
    if secret.len() < SHORTEST_SECRET {
        report.error(format!(
            "{} bytes can be guessed: write {SHORTEST_SECRET} or more, as `openssl rand -hex 32` prints them",
            secret.len()
        ));
    }
    Some(secret.as_bytes())
}
