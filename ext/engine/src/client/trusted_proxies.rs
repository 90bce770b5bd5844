//! The client of a request behind trusted proxies.
//!
//! A request from a trusted proxy belongs to the right-most address of `X-Forwarded-For` that is not trusted itself;
//! everything left of it may be forged. An entry that is not an address ends the search, and the last valid address to
//! its right counts: no known proxy vouches for anything further left. Without `X-Forwarded-For`, `Forwarded` (RFC
//! 7239) is read in this way. From any other sender, all these fields mean nothing.
//!
//! The scheme is the last value of `X-Forwarded-Proto`, written by the trusted proxy itself. Without that field, the
//! scheme comes from the element of `Forwarded` that names the client.

mod element;
mod list;
mod node;

use std::net::IpAddr;

use proxy_http::headers::hearsay;
use proxy_http::message::{FieldName, Fields, Known};

use crate::client::ClientInfo;
use crate::compile::Report;
use crate::config::{self, Problem};
use crate::networks::{self, Networks};
use element::Element;
use list::members_from_the_right;
use node::address;

/// The proxies whose statements about their clients are believed.
#[derive(Debug, Clone, Default)]
pub(crate) struct TrustedProxies {
    networks: Networks,
    unix: bool,
    /// The fields that are believed; `None`: all of them.
    fields: Option<Box<[FieldName]>>,
}

/// The client, as fields describe it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct ForwardedClient {
    address: Option<IpAddr>,
    /// Whether the client asked by `https`.
    https: Option<bool>,
    port: Option<u16>,
}

impl TrustedProxies {
    /// Checks the directive `trusted_proxies`.
    pub(crate) fn compile(spec: &config::TrustedProxiesConfig, problems: &mut Vec<Problem>) -> Self {
        let mut report = Report::new("trusted_proxies", spec.at.as_ref(), problems);
        let addresses: Vec<String> = spec.value.iter().filter(|text| *text != networks::UNIX).cloned().collect();
        let networks = Networks::compile(&addresses, &mut report);
        if let Some(all) = networks.everybody() {
            report.warning(format!(
                "\"{all}\" lets everybody claim any address: write only the addresses of your own proxies"
            ));
        }
        let mut report = report.within("fields");
        let fields = spec.fields.as_ref().map(|names| {
            let known = names.iter().filter(|name| {
                let known = hearsay::is_believable(name.as_bytes());
                if !known {
                    report.error(format!(
                        "{name:?} is not a header in which a proxy names its client: write headers such as \
                         \"X-Forwarded-For\" and \"X-Forwarded-Proto\""
                    ));
                }
                known
            });
            known.filter_map(|name| FieldName::new(name)).collect()
        });
        Self { networks, unix: addresses.len() < spec.value.len(), fields }
    }

    /// Drops the fields that the other end of a connection must not set. Must be called before anything reads the
    /// request.
    #[cold]
    pub(crate) fn drop_unbelieved(&self, fields: &mut Fields, trusted: bool) {
        fields.retain(|_, name, _| {
            let believed = trusted && !hearsay::is_never_believed(name) && self.believes(name);
            believed || !hearsay::is_hearsay(name)
        });
    }

    fn believes(&self, name: &[u8]) -> bool {
        let is_it = |field: &FieldName| field.as_str().as_bytes().eq_ignore_ascii_case(name);
        self.fields.as_ref().is_none_or(|fields| fields.iter().any(is_it))
    }

    /// Whether the other end of a connection is a trusted proxy.
    pub(crate) fn trusts(&self, peer: &ClientInfo) -> bool {
        match peer.ip {
            _ if peer.stranger => false,
            Some(ip) => self.networks.contains(ip),
            None => self.unix,
        }
    }

    /// The client for which `peer`, a trusted proxy, asks. `None` if its fields tell nothing new.
    pub(crate) fn client(&self, fields: &Fields, peer: &ClientInfo) -> Option<ClientInfo> {
        let told = self.told(fields);
        if told == ForwardedClient::default() {
            return None;
        }
        let (addr, ip) = match told.address {
            Some(ip) => (ip.to_string().into(), Some(ip)),
            None => (peer.addr.clone(), peer.ip),
        };
        // Our own port means nothing to a client that connected to another address.
        let local_port = match (told.port, told.https) {
            (None, None) => peer.local_port,
            (port, _) => port,
        };
        let tls = told.https.unwrap_or(peer.tls);
        Some(ClientInfo {
            addr,
            ip,
            port: None,
            local_ip: peer.local_ip,
            local_port,
            tls,
            stranger: false,
            secured: peer.secured.clone(),
            plain: peer.plain.clone(),
        })
    }

    fn told(&self, fields: &Fields) -> ForwardedClient {
        let mut told = ForwardedClient {
            https: last_member(fields, Known::XForwardedProto).and_then(https),
            port: last_member(fields, Known::XForwardedPort)
                .and_then(|port| std::str::from_utf8(port).ok()?.parse().ok()),
            address: None,
        };
        if !speaks_forwarded(fields) {
            let entries = fields.all(Known::XForwardedFor).rev().flat_map(members_from_the_right);
            told.address = self.right_most(entries.map(address));
            return told;
        }
        let mut of_client = None;
        let elements = fields.all(Known::Forwarded).rev().flat_map(members_from_the_right);
        told.address = self.right_most(elements.map(|element| {
            let element = Element::parse(element)?;
            let address = element.node.and_then(address);
            // If no element names a client, the last element still says how the trusted proxy itself was asked.
            if address.is_some() || of_client.is_none() {
                of_client = Some(element.proto.and_then(https));
            }
            address
        }));
        told.https = told.https.or(of_client.flatten());
        told
    }

    /// The first address that is not trusted. If there is none: the last address before an invalid entry or before the
    /// end.
    fn right_most(&self, from_the_right: impl Iterator<Item = Option<IpAddr>>) -> Option<IpAddr> {
        let mut found = None;
        for address in from_the_right {
            let Some(address) = address else { break };
            found = Some(address);
            if !self.networks.contains(address) {
                break;
            }
        }
        found
    }
}

/// Whether `Forwarded` names the client of this request. `X-Forwarded-For` takes precedence.
pub(crate) fn speaks_forwarded(fields: &Fields) -> bool {
    fields.has(Known::Forwarded) && !fields.has(Known::XForwardedFor)
}

fn last_member(fields: &Fields, name: Known) -> Option<&[u8]> {
    fields.all(name).rev().flat_map(members_from_the_right).next()
}

/// Whether a scheme is `https`; `None` if it is neither `http` nor `https`.
fn https(scheme: &[u8]) -> Option<bool> {
    match scheme {
        _ if scheme.eq_ignore_ascii_case(b"https") => Some(true),
        _ if scheme.eq_ignore_ascii_case(b"http") => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
