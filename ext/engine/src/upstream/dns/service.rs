//! `SRV` records (RFC 2782): the hosts and ports that offer a service, with their weights.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::rdata::SRV;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::TokioResolver;

use super::{Dns, NoAnswer, LONGEST_TTL, SHORTEST_TTL};

/// Time until the next lookup if the addresses of one target could not be learned.
const UNKNOWN_TARGET_TTL: Duration = Duration::from_secs(10);

/// One address that offers a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResolvedAddress {
    /// Host in the record.
    pub host: Box<str>,
    /// Address of the host, with the record's port.
    pub address: SocketAddr,
    /// Share of requests, relative to the other addresses of its priority; at least 1.
    pub weight: u32,
    /// Whether other addresses have a higher priority.
    pub backup: bool,
}

impl ResolvedAddress {
    /// An address of a host with default values.
    pub(crate) fn of(host: &str, address: SocketAddr) -> Self {
        Self { host: host.into(), address, weight: 1, backup: false }
    }
}

/// Whether a name is resolved by `SRV` records: `_service._tcp.example.com`.
pub(crate) fn is_service(name: &str) -> bool {
    let mut labels = name.split('.');
    let service = labels.next().is_some_and(|label| label.len() > 1 && label.starts_with('_'));
    service && labels.next().is_some_and(|label| label.eq_ignore_ascii_case("_tcp")) && labels.next().is_some()
}

/// The domain of the service: the part after `_service._tcp.`.
pub(crate) fn domain(service: &str) -> &str {
    service.splitn(3, '.').nth(2).unwrap_or(service)
}

impl Dns {
    /// Queries the targets of `service`, and then the addresses of each host. `known` are the addresses known so far: a
    /// host whose addresses cannot be learned keeps them.
    ///
    /// To be called within a tokio runtime with time and IO.
    ///
    /// # Errors
    /// If the service is offered nowhere, or no server gave a usable answer.
    pub(crate) async fn targets(
        &self,
        service: &str,
        known: &[ResolvedAddress],
    ) -> Result<(Vec<ResolvedAddress>, Duration), NoAnswer> {
        let fail = |why: &dyn std::fmt::Display| NoAnswer(format!("{service} has no SRV record: {why}"));
        let (names, resolver) = self.plan_service(service).map_err(|error| fail(&error))?;
        let mut records = Err(NetError::from("it cannot be made a full name"));
        for name in names {
            records = ask(&resolver, name).await;
            if records.is_ok() {
                break;
            }
        }
        let (records, mut ttl) = records.map_err(|error| fail(&error))?;
        let first = records.iter().map(|record| record.priority).min();
        let mut targets: Vec<ResolvedAddress> = Vec::with_capacity(records.len());
        for record in &records {
            let host = record.target.to_ascii();
            let of_host = |target: &&ResolvedAddress| *target.host == *host && target.address.port() == record.port;
            let old: Vec<IpAddr> = known.iter().filter(of_host).map(|target| target.address.ip()).collect();
            let addresses = match self.lookup(&host, &old).await {
                Ok(answer) => {
                    ttl = ttl.min(answer.ttl);
                    answer.addresses
                }
                Err(_) => {
                    ttl = ttl.min(UNKNOWN_TARGET_TTL);
                    old
                }
            };
            targets.extend(addresses.into_iter().map(|ip| ResolvedAddress {
                host: host.as_str().into(),
                address: SocketAddr::new(ip, record.port),
                weight: u32::from(record.weight).max(1),
                backup: first != Some(record.priority),
            }));
        }
        if targets.is_empty() {
            return Err(fail(&"none of its hosts has an address"));
        }
        Ok((targets, ttl.clamp(SHORTEST_TTL, LONGEST_TTL)))
    }
}

/// The records of one full name, in an order that is equal for every answer, and their TTL.
async fn ask(resolver: &TokioResolver, name: Name) -> Result<(Vec<SRV>, Duration), NetError> {
    resolver.clear_cache();
    let lookup = resolver.lookup(name, RecordType::SRV).await?;
    let ttl = lookup.answers().iter().map(|record| record.ttl).min().unwrap_or_default();
    let mut records: Vec<SRV> = lookup
        .answers()
        .iter()
        .filter_map(|record| match &record.data {
            // The root as a target means that the service is explicitly not offered.
            RData::SRV(record) if record.port > 0 && !record.target.is_root() => Some(record.clone()),
            _ => None,
        })
        .collect();
    if records.is_empty() {
        return Err(NetError::from("the service is not offered"));
    }
    records.sort_by(|a, b| (a.priority, &a.target, a.port).cmp(&(b.priority, &b.target, b.port)));
    records.dedup_by(|a, b| (&a.target, a.port) == (&b.target, b.port));
    Ok((records, Duration::from_secs(ttl.into())))
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::dns_server::{DnsServer, Reply};
    use super::super::super::tests::within;
    use super::*;

    fn described(targets: &[ResolvedAddress]) -> Vec<String> {
        let describe = |target: &ResolvedAddress| {
            let rank = if target.backup { "backup" } else { "primary" };
            format!("{} {} {} {rank}", target.host, target.address, target.weight)
        };
        targets.iter().map(describe).collect()
    }

    #[test]
    fn services_are_told_from_hosts_by_their_first_labels() {
        for (name, yes) in [
            ("_http._tcp.app.test", true),
            ("_http._TCP.app.test", true),
            ("_http._udp.app.test", false),
            ("_http._tcp", false),
            ("app_servers", false),
            ("_._tcp.app.test", false),
        ] {
            assert_eq!(is_service(name), yes, "{name}");
        }
        assert_eq!(domain("_http._tcp.app.test"), "app.test");
    }

    #[tokio::test]
    async fn the_lowest_priority_comes_first_and_the_others_are_backups() {
        let records = [(10, 3, 3001, "a.test"), (20, 0, 3003, "c.test"), (10, 1, 3002, "b.test")];
        let server = DnsServer::start(Reply::service(30, &records, &["127.0.0.1"])).await;
        let (targets, ttl) = within(server.dns().targets("_http._tcp.app.test", &[])).await.expect("targets");
        assert_eq!(
            described(&targets),
            ["a.test. 127.0.0.1:3001 3 primary", "b.test. 127.0.0.1:3002 1 primary", "c.test. 127.0.0.1:3003 1 backup",]
        );
        assert_eq!(ttl, Duration::from_secs(30));
    }

    #[tokio::test]
    async fn a_host_whose_addresses_cannot_be_learned_keeps_those_that_are_known() {
        let server = DnsServer::start(Reply::service(30, &[(0, 1, 3001, "a.test")], &["127.0.0.1"])).await;
        let dns = server.dns();
        let (known, _) = within(dns.targets("_http._tcp.app.test", &[])).await.expect("targets");
        server.answer(Reply::service(30, &[(0, 1, 3001, "a.test")], &[]));
        let (targets, ttl) = within(dns.targets("_http._tcp.app.test", &known)).await.expect("targets");
        assert_eq!((targets, ttl), (known, UNKNOWN_TARGET_TTL));
    }

    #[tokio::test]
    async fn a_service_that_is_not_offered_is_an_error_that_names_it() {
        let server = DnsServer::start(Reply::service(30, &[(0, 0, 0, "")], &["127.0.0.1"])).await;
        let error = within(server.dns().targets("_http._tcp.app.test", &[])).await.expect_err("nothing");
        assert_eq!(error.to_string(), "_http._tcp.app.test has no SRV record: the service is not offered");
    }
}
