//! What of `acme` concerns authorities, checked.

use std::sync::Arc;
use std::time::Duration;

use base64::prelude::{Engine, BASE64_URL_SAFE_NO_PAD};
use http::Uri;
use parking_lot::Mutex;

use super::{Authority, Binding};
use crate::acme::csr::KeyKind;
use crate::acme::dns::DnsProvider;
use crate::acme::known::{KnownAuthority, KNOWN};
use crate::acme::solver::ChallengeKind;
use crate::compile::Report;
use crate::config::{AcmeConfig, EabConfig};
use crate::control::client::{read_url, ClientSettings, HttpClient};
use crate::storage::Storage;
use crate::suggestion::did_you_mean;
use crate::upstream::Dns;

/// Time for one exchange with an authority.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Largest answer of an authority. Chains of post-quantum certificates take tens of KiB.
const MAX_BODY: usize = 1 << 20;

impl Authority {
    /// The authorities of a configuration, in the order in which they are asked. Mistakes are reported. `provider`
    /// writes TXT records; with `dns` those of dns-persist-01 are looked up.
    pub(crate) fn compile(
        config: &AcmeConfig,
        storage: &Arc<Storage>,
        provider: Option<&Arc<DnsProvider>>,
        dns: &Arc<Dns>,
        report: &mut Report<'_>,
    ) -> Vec<Arc<Self>> {
        let settings = ClientSettings { ca_file: config.ca_file.clone(), timeout: TIMEOUT, max_body: MAX_BODY };
        let client = report.ok(HttpClient::new(settings));
        let key = KeyKind::of(&config.key);
        if key.is_none() {
            let hint = did_you_mean(&config.key, &KeyKind::NAMES);
            report.within("key").error(format!("{:?} is no kind of key {hint}", config.key));
        }
        let challenges = challenges(config, report);
        let bindings: Vec<_> = config.eab.iter().filter_map(|eab| Some((eab, binding(eab, report)?))).collect();
        if config.authority.is_empty() {
            report.within("authority").error("there is none: write letsencrypt, or leave it out");
        }
        let places: Vec<_> = config.authority.iter().map(|written| place(written, report)).collect();
        for (index, written) in config.authority.iter().enumerate() {
            if config.authority.iter().take(index).any(|before| is_same(before, written)) {
                report.within("authority").error(format!("{written:?} is there twice: leave one out"));
            }
        }
        for eab in &config.eab {
            let is_used = |of: &String| config.authority.iter().any(|written| is_same(written, of));
            if let Some(of) = eab.authority.as_ref().filter(|of| !is_used(of)) {
                report.within("eab").error(format!("{of:?} is none of the authorities: write it in authority: too"));
            }
        }
        let (Some(client), Some(key), Some(challenges)) = (client, key, challenges) else { return Vec::new() };
        let make = |written: &str, url: Uri, known: Option<&KnownAuthority>, rehearsal| Self {
            name: known.map_or(written, |known| known.name).to_owned(),
            written_url: url.to_string(),
            url,
            storage: Arc::clone(storage),
            client: client.clone(),
            email: config.email.clone(),
            binding: bindings
                .iter()
                .find(|(eab, _)| eab.authority.as_ref().is_some_and(|of| is_same(of, written)))
                .or_else(|| bindings.iter().find(|(eab, _)| eab.authority.is_none()))
                .map(|(_, binding)| binding.clone()),
            binding_source: known.and_then(|known| known.binding).map(str::to_owned),
            needs_binding: known.is_some_and(|known| known.needs_binding),
            common_name: known.is_some_and(|known| known.common_name),
            profile: config.profile.clone(),
            key,
            challenges: challenges.clone(),
            provider: provider.cloned(),
            dns: Arc::clone(dns),
            directory: Mutex::new(None),
            rehearsal,
        };
        let places = places.into_iter().flatten();
        places
            .map(|(written, url, known)| {
                let rehearsal = known.and_then(|known| known.rehearsal).and_then(KnownAuthority::find);
                let rehearsal =
                    rehearsal.map(|other| Box::new(make(other.name, Uri::from_static(other.url), Some(other), None)));
                Arc::new(make(written, url, known, rehearsal))
            })
            .collect()
    }
}

/// Whether two texts name one authority.
fn is_same(one: &str, other: &str) -> bool {
    let url = |written| KnownAuthority::find(written).map_or(written, |known| known.url);
    url(one) == url(other)
}

/// Where the authority is, and what is known of it.
fn place<'a>(written: &'a str, report: &mut Report<'_>) -> Option<(&'a str, Uri, Option<&'static KnownAuthority>)> {
    let mut report = report.within("authority");
    if let Some(known) = KnownAuthority::find(written) {
        return Some((written, Uri::from_static(known.url), Some(known)));
    }
    if !written.contains("://") {
        let hint = did_you_mean(written, &KNOWN.map(|known| known.name));
        report.error(format!("{written:?} is neither the name of an authority nor a URL {hint}"));
        return None;
    }
    let Some(url) = read_url(written) else {
        report.error(format!("{written:?} is no URL of a directory: write one such as https://ca.example/directory"));
        return None;
    };
    let host = url.host().unwrap_or_default();
    let is_own = host == "localhost" || host.trim_matches(['[', ']']).parse().is_ok_and(is_loopback);
    match url.scheme_str() {
        Some("https") => Some((written, url, None)),
        // A tunnel, or an authority of one's own behind a proxy on this machine.
        Some("http") if is_own => Some((written, url, None)),
        _ => {
            report.error(format!("{written:?} is not safe: authorities are asked with https://"));
            None
        }
    }
}

fn is_loopback(address: std::net::IpAddr) -> bool {
    address.is_loopback()
}

/// The challenges in the order of preference. `None` if one of them is wrong.
fn challenges(config: &AcmeConfig, report: &mut Report<'_>) -> Option<Vec<ChallengeKind>> {
    let Some(written) = &config.challenge else {
        let mut kinds = vec![ChallengeKind::TlsAlpn01, ChallengeKind::Http01];
        // Whoever writes a provider wants it to be used, and it works for every name.
        if config.dns.is_some() {
            kinds.insert(0, ChallengeKind::Dns01);
        }
        return Some(kinds);
    };
    let mut report = report.within("challenge");
    let mut kinds = Vec::new();
    for name in written {
        match ChallengeKind::of(name) {
            Some(ChallengeKind::Dns01) if config.dns.is_none() => {
                report.error("dns-01 needs somebody who writes TXT records: write dns:");
            }
            Some(kind) if kinds.contains(&kind) => report.error(format!("{name} is there twice: leave one out")),
            Some(kind) => kinds.push(kind),
            None => {
                let hint = did_you_mean(name, &ChallengeKind::NAMES);
                report.error(format!("{name:?} is no challenge {hint}"));
            }
        }
    }
    if written.is_empty() {
        report.error("there is none: write one such as http-01, or leave it out");
    }
    report.is_sound().then_some(kinds)
}

/// The key of a binding, decoded.
fn binding(eab: &EabConfig, report: &mut Report<'_>) -> Option<Binding> {
    let mut report = report.within("eab");
    if eab.id.is_empty() {
        report.error("id: it is empty: write the identifier that the authority has given you");
    }
    let key = eab.key.trim_end_matches('=').replace('+', "-").replace('/', "_");
    match BASE64_URL_SAFE_NO_PAD.decode(key) {
        Ok(key) if !key.is_empty() => report.is_sound().then(|| Binding { id: eab.id.clone(), key }),
        // The key is a secret: it is not shown.
        _ => {
            report.error("key: it is not in base64url: copy it again from the authority");
            None
        }
    }
}

#[cfg(test)]
mod tests;
