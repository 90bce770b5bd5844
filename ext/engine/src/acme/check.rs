//! What cannot work with `acme`, or hardly: found out before an authority is asked.

use super::known::KnownAuthority;
use super::names::WrittenName;
use super::on_demand::is_certifiable;
use crate::compile::Report;
use crate::config::{are_sound, AcmeConfig, Code, Problem, Severity};
use crate::listen::binds::{Bind, Binds};
use crate::listen::BindAddress;
use crate::storage::Storage;

/// The directive.
pub(super) const DIRECTIVE: &str = "acme";
/// Domains that nobody owns (RFC 6761, 6762, 8375 and 9476, and the reservation of `internal`).
const PRIVATE: [&str; 9] =
    ["local", "localhost", "internal", "home.arpa", "test", "example", "invalid", "onion", "alt"];

/// What the checks look at.
#[derive(Debug)]
pub(super) struct AcmeFacts<'a> {
    pub(super) config: &'a AcmeConfig,
    /// All names that are written.
    pub(super) written: &'a [WrittenName],
    /// Names that get a certificate.
    pub(super) wanted: &'a [WrittenName],
    pub(super) binds: &'a Binds,
    pub(super) storage: Option<&'a Storage>,
}

/// Whether a name is one of this machine alone. No authority issues a certificate for it.
pub(super) fn is_of_this_machine(name: &str) -> bool {
    is_below(name, "localhost")
}

impl AcmeFacts<'_> {
    /// Reports what cannot work.
    pub(super) fn check(&self, report: &mut Report<'_>) {
        for written in self.wanted {
            let Some(message) = self.mistake(&written.name) else { continue };
            // A host that is wrong by itself has been told of.
            let is_its = |told: &Problem| told.at.is_some() && told.at == written.at && told.directive != DIRECTIVE;
            if !report.problems().iter().any(|told| is_its(told) && told.severity == Severity::Error) {
                report.problems().push(Problem::error(written.at.as_ref(), DIRECTIVE, message));
            }
        }
        let authorities = self.config.authority.iter();
        authorities.filter_map(|authority| self.unbound(authority)).for_each(|message| report.error(message));
        if let Some((storage, kind)) = self.storage.and_then(|storage| Some((storage, storage.in_memory()?))) {
            report.within("storage").warning(format!(
                "{storage} is in memory ({kind}): certificates are ordered anew at every start: write the path of a \
                 folder that stays, such as one of a volume"
            ));
        }
        // Without a part that is wrong, these may be false.
        if !are_sound(report.problems()) {
            return;
        }
        if !self.has_orders() {
            report.warning_of(Code::Unused, self.nothing_to_order());
        } else if let Some(message) = self.unanswered() {
            report.warning_of(Code::Unanswered, message);
        }
    }

    /// What is missing for an account at an authority that binds it to one of its own customers.
    fn unbound(&self, authority: &str) -> Option<String> {
        let known = KnownAuthority::find(authority).filter(|known| known.needs_binding)?;
        let is_its = |of: &String| KnownAuthority::find(of).is_some_and(|other| other.name == known.name);
        if self.config.eab.iter().any(|eab| eab.authority.as_ref().is_none_or(is_its)) {
            return None;
        }
        match (known.binding, &self.config.email) {
            (Some(_), Some(_)) => None,
            (Some(_), None) => Some(format!("{} needs to know whose the account is: write email: or eab:", known.name)),
            (None, _) => Some(format!(
                "{} needs the key of an account there: write eab: {{ id: \"…\", key: \"…\" }}",
                known.name
            )),
        }
    }

    /// Why there can be no certificate for a name.
    fn mistake(&self, name: &str) -> Option<String> {
        if name.starts_with("*.") && !self.may("dns-01") && !self.may("dns-persist-01") {
            let write = match self.config.dns {
                Some(_) => "write \"dns-01\" into challenge: too",
                None => "write dns: …, as `proxy help acme` says",
            };
            return Some(format!("{name} needs dns-01 or dns-persist-01: {write}"));
        }
        if !is_certifiable(name.strip_prefix("*.").unwrap_or(name)) {
            return Some(format!(
                "{name} is no name that a certificate can have: between dots, write up to 63 letters, digits and \
                 hyphens, with letters in the last part"
            ));
        }
        let is_public = |authority: &String| KnownAuthority::find(authority).is_some();
        (is_private(name) && self.config.authority.iter().all(is_public)).then(|| {
            format!("{name} is no public name: give its bind a certificate, or write authority: with one of your own")
        })
    }

    /// Whether a challenge may be used.
    fn may(&self, challenge: &str) -> bool {
        match &self.config.challenge {
            Some(written) => written.iter().any(|name| name == challenge),
            None if challenge == "dns-01" => self.config.dns.is_some(),
            None => challenge != "dns-persist-01",
        }
    }

    fn has_orders(&self) -> bool {
        self.speaks_https() && (!self.wanted.is_empty() || self.config.on_demand.is_some())
    }

    fn speaks_https(&self) -> bool {
        self.binds.iter().any(|bind| bind.tls.is_some())
    }

    fn nothing_to_order(&self) -> String {
        if !self.speaks_https() {
            return "no bind speaks https, so nothing is ordered: write bind \"https://0.0.0.0:443\"".into();
        }
        let is_own = |written: &WrittenName| is_of_this_machine(&written.name);
        match self.written {
            [first, ..] if self.written.iter().all(is_own) => format!(
                "{} is a name of this machine alone, so nothing is ordered: write the name that clients use, or leave \
                 acme out",
                first.name
            ),
            [] => {
                "no name is written, so nothing is ordered: write host \"example.com\" do … end, or on_demand:".into()
            }
            _ => "every name that is written has a certificate already: leave acme out, or the certificate".into(),
        }
    }

    /// The warning that no challenge reaches this proxy, if no bind has the port where the authority comes.
    fn unanswered(&self) -> Option<String> {
        if self.may("dns-01") || self.may("dns-persist-01") {
            return None;
        }
        let (alpn, http) = (self.may("tls-alpn-01"), self.may("http-01"));
        let answers_alpn = alpn && self.binds.iter().any(|bind| bind.tls.is_some() && may_be_at(bind, 443));
        let answers_http = http && self.binds.iter().any(|bind| bind.tls.is_none() && may_be_at(bind, 80));
        if answers_alpn || answers_http {
            return None;
        }
        let elsewhere = "or see to it that what comes to that port of the names gets here";
        Some(match (alpn, http) {
            (true, false) => {
                format!("tls-alpn-01 needs a bind on port 443: write bind \"https://0.0.0.0:443\", {elsewhere}")
            }
            (false, true) => format!("http-01 needs a bind on port 80: write bind \"http://0.0.0.0:80\", {elsewhere}"),
            _ => format!(
                "http-01 needs a bind on port 80, and tls-alpn-01 one with https on port 443: write bind \
                 \"http://0.0.0.0:80\", {elsewhere}"
            ),
        })
    }
}

/// Whether what comes to the port of a name may arrive at a bind. Who leads to a unix socket leads to it from anywhere.
fn may_be_at(bind: &Bind, port: u16) -> bool {
    match bind.key.address {
        BindAddress::Tcp(address) => address.port() == port,
        BindAddress::Unix(_) => true,
    }
}

/// Whether no public authority issues a certificate for a name.
fn is_private(name: &str) -> bool {
    let name = name.strip_prefix("*.").unwrap_or(name);
    !name.contains('.') || PRIVATE.iter().any(|domain| is_below(name, domain))
}

fn is_below(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests;
