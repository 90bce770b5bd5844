//! `cache`: answers from stored responses, and stores others (RFC 9111).
//!
//! The filter only says that a request has a cache. It is looked up by the handler that has backends, after all filters
//! have let the request pass: what is stored is what a backend said, and filters see every response anew.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Filtering;
use crate::cache::freshness::FreshnessDefaults;
use crate::cache::key;
use crate::cache::storable::StoragePolicy;
use crate::cache::validation::take_tags;
use crate::cache::zones::{WrittenTier, WrittenZone};
use crate::compile::{Report, Word, TEN_YEARS};
use crate::compiler::Compiler;
use crate::config::{At, LocationConfig, NamedCondition};
use crate::request::{CacheRules, Caching, Exchange, Verdict};
use crate::rewrite::{Context, Template};
use crate::routing::Matcher;

/// `cache "pages", bypass: { cookies: { "_session" => true } }, stale_if_error: 86_400`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheConfig {
    /// Name of the memory that keeps the responses. `None`: one that locations without a name share.
    pub zone: Option<String>,
    /// Bytes that stored responses take at most. Outside of every location: it makes the memory.
    pub memory: Option<i64>,
    /// Bytes of the largest body that is stored. Outside of every location: it makes the memory.
    pub max_object: Option<i64>,
    /// Folder that keeps the responses too. Outside of every location: it makes the memory.
    pub disk: Option<CacheDiskConfig>,
    /// String rewrite whose value tells requests apart, beside their URL.
    pub key: Option<String>,
    /// Conditions of which any makes a request bypass the cache.
    pub bypass: CacheBypass,
    /// Seconds for which a response is fresh that says nothing itself; parts count as whole ones, also below.
    /// `None`: see `heuristic`.
    pub default_ttl: Option<f64>,
    /// Whether the lifetime of a response that says nothing is guessed from its `Last-Modified`.
    pub heuristic: bool,
    /// Seconds for which a response that says nothing of it is used stale while it is validated.
    pub stale_while_revalidate: f64,
    /// Seconds for which a response that says nothing of it takes the place of a failure.
    pub stale_if_error: f64,
    /// Whether responses with `Set-Cookie` are stored.
    pub set_cookie: bool,
    /// Whether `Cache-Control` of a request counts.
    pub client_control: bool,
    /// Longest time, in seconds, that a request waits for the answer to another one.
    pub lock_timeout: f64,
    /// Whether responses have `Cache-Status`.
    pub status: bool,
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
}

/// `disk: { path: "tmp/cache/proxy", size: 1_000_000_000 }`
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheDiskConfig {
    /// Absolute path of the folder.
    pub path: Option<String>,
    /// Bytes that the files take at most.
    pub size: Option<i64>,
    /// Bytes of the largest body that is stored.
    pub max_object: Option<i64>,
}

/// `bypass: { cookies: { "_session" => true }, headers: { … }, query: { … } }`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheBypass {
    /// Request fields.
    pub headers: Vec<NamedCondition>,
    /// Query parameters.
    pub query: Vec<NamedCondition>,
    /// Cookies.
    pub cookies: Vec<NamedCondition>,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            zone: None,
            memory: None,
            max_object: None,
            disk: None,
            key: None,
            bypass: CacheBypass::default(),
            default_ttl: None,
            heuristic: true,
            stale_while_revalidate: 0.0,
            stale_if_error: 0.0,
            set_cookie: false,
            client_control: false,
            lock_timeout: 5.0,
            status: true,
            at: None,
        }
    }
}

impl CacheConfig {
    /// The memory that the directive makes, if it is one that does.
    pub(crate) fn zone(&self) -> Option<WrittenZone<'_>> {
        let Self { memory, max_object, .. } = *self;
        let disk = self.disk.as_ref();
        let disk = disk.map(|CacheDiskConfig { path, size, max_object }| WrittenTier {
            path: path.as_deref(),
            size: *size,
            max_object: *max_object,
        });
        let written = WrittenZone { name: self.zone.as_deref(), memory, max_object, disk, at: self.at.as_ref() };
        (memory.is_some() || max_object.is_some() || disk.is_some()).then_some(written)
    }

    /// Whether it has options for requests.
    fn has_rules(&self) -> bool {
        let rules = |config: &Self| {
            let bare = Self { zone: None, memory: None, max_object: None, disk: None, at: None, ..config.clone() };
            serde_json::to_value(bare).unwrap_or_default()
        };
        rules(self) != rules(&Self::default())
    }
}

/// A `cache` directive, compiled.
#[derive(Debug)]
pub(crate) struct Cache(Arc<CacheRules>);

const STATUS: &str = "Cache-Status";

impl Filtering for Cache {
    type Config = CacheConfig;

    fn compile(config: &CacheConfig, compiler: &mut Compiler) -> Option<Self> {
        let mut report = Report::new(Self::WORD, config.at.as_ref(), &mut compiler.problems);
        if config.zone().is_some() {
            // It makes a zone, and has been read before.
            let name = config.zone.as_ref().map_or(String::new(), |name| format!(" {name:?}"));
            if !compiler.place.is_outermost() {
                report.error("memory, max_object and disk belong outside of every location: move them there");
            } else if config.has_rules() {
                report.error(format!(
                    "memory, max_object and disk stand alone: write the other options in a second line, cache{name}, \
                     where requests are to use it"
                ));
            }
            return None;
        }
        let zone = compiler.zones.of_name(config.zone.as_deref()).cloned();
        if let (None, Some(name)) = (&zone, &config.zone) {
            let known: Vec<_> = compiler.zones.names().filter(|name| *name != "default").collect();
            let known = if known.is_empty() { String::new() } else { format!(" (there is {})", known.join(", ")) };
            report.error(format!(
                "there is no cache {name:?}{known}: write cache {name:?}, memory: 64_000_000 outside of every location"
            ));
        }
        let key = config.key.as_ref().and_then(|text| {
            let mut report = report.within("key");
            let template = report.ok(Template::parse(text, Context::Request))?;
            report.warnings(template.warnings(&compiler.captures.names()));
            Some(template)
        });
        let seconds = |report: &mut Report<'_>, name: &str, value: f64| {
            report.within(name).seconds_within(value, 0.0..=TEN_YEARS)
        };
        let ttl = config.default_ttl.map(|ttl| seconds(&mut report, "default_ttl", ttl).ceil() as u64);
        let stale_while_revalidate =
            seconds(&mut report, "stale_while_revalidate", config.stale_while_revalidate).ceil() as u64;
        let stale_if_error = seconds(&mut report, "stale_if_error", config.stale_if_error).ceil() as u64;
        let lock_timeout = report.within("lock_timeout").seconds_or_zero(config.lock_timeout);
        let CacheBypass { headers, query, cookies } = config.bypass.clone();
        let conditions = LocationConfig::<()> { headers, query, cookies, ..LocationConfig::default() };
        let bypass = Matcher::compile(&conditions, &mut compiler.names, &mut report.within("bypass"));
        let zone = zone.filter(|_| report.is_sound())?;
        let defaults = FreshnessDefaults { ttl, stale_while_revalidate, stale_if_error };
        let policy = StoragePolicy { defaults, guess: config.heuristic, set_cookie: config.set_cookie };
        let (client_control, shows_status) = (config.client_control, config.status);
        Some(Self(Arc::new(CacheRules { zone, key, bypass, policy, client_control, lock_timeout, shows_status })))
    }

    /// Lets the request pass. With nested `cache` filters only the innermost counts.
    async fn admit(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        exchange.cache = Some(Caching::new(&self.0));
        None
    }

    /// Says what was done, and takes what a success of an unsafe method has made outdated out of the cache.
    fn amend(&self, exchange: &mut Exchange<'_>) {
        let Some(caching) = exchange.cache.as_ref().filter(|caching| Arc::ptr_eq(&caching.rules, &self.0)) else {
            return;
        };
        // A handler without backends has no cache.
        if caching.key.is_empty() {
            return;
        }
        let response = &mut exchange.work.response;
        if caching.invalidates && (200..400).contains(&response.status) {
            invalidate(caching, &response.fields);
        }
        if caching.status.forwarded.is_some() {
            // What is stored has none.
            take_tags(&mut response.fields);
        }
        caching.rules.zone.count(caching.result);
        if self.0.shows_status {
            let mut value = std::mem::take(&mut exchange.work.scratch);
            value.clear();
            caching.status.write(&mut value);
            response.fields.append(STATUS, &value);
            exchange.work.scratch = value;
        }
    }
}

/// Removes what is stored for the URL of a request and for those that the response names (RFC 9111, section 4.4).
fn invalidate(caching: &Caching, response: &proxy_http::message::Fields) {
    let zone = &caching.rules.zone;
    zone.invalidate(&caching.key);
    let url = key::url(&caching.key);
    for reference in response.all("Location").chain(response.all("Content-Location")) {
        let Some(other) = key::resolve(url, reference) else { continue };
        let plain = key::without_needless_escapes(&other);
        for mut other in std::iter::once(other).chain(plain) {
            other.extend_from_slice(&caching.key[url.len()..]);
            zone.invalidate(&other);
        }
    }
}
