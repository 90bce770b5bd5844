//! The system's configuration for names: `/etc/hosts`, then the servers and search domains of `/etc/resolv.conf`.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, SystemTime};

use hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use hickory_resolver::{Hosts, TokioResolver};

/// Time until the next lookup of a name that the hosts file answers.
pub(super) const HOSTS_TTL: Duration = Duration::from_secs(10);

/// Contents of the two files when they were last read.
#[derive(Debug, Default)]
pub(super) struct System {
    hosts: Dated<Hosts>,
    servers: Dated<Servers>,
}

#[derive(Debug)]
struct Servers {
    resolver: TokioResolver,
    search: Vec<Name>,
    ndots: usize,
}

/// Sources for the addresses of one name.
pub(super) struct Plan {
    /// Addresses from the hosts file. If there are any, DNS is not asked.
    pub(super) hosts: Vec<IpAddr>,
    /// Full names to query, in this order.
    pub(super) names: Vec<Name>,
    pub(super) resolver: TokioResolver,
}

impl System {
    pub(super) fn plan(&mut self, name: &Name) -> Result<Plan, NetError> {
        let hosts = self.hosts.get("/etc/hosts", || Ok(Hosts::from_system().unwrap_or_default()))?;
        let hosts = listed(hosts, name);
        let servers = self.servers.get("/etc/resolv.conf", Servers::read)?;
        Ok(Plan { hosts, names: servers.full_names(name), resolver: servers.resolver.clone() })
    }
}

fn listed(hosts: &Hosts, name: &Name) -> Vec<IpAddr> {
    let find = |kind| hosts.lookup_static_host(&Query::query(name.to_lowercase(), kind));
    let found = [find(RecordType::A), find(RecordType::AAAA)];
    found.iter().flatten().flat_map(|lookup| lookup.answers()).filter_map(|record| record.data.ip_addr()).collect()
}

impl Servers {
    fn read() -> Result<Self, NetError> {
        // Without a usable file, a C library asks a server on this machine.
        let (config, options) = read_system_conf().unwrap_or_else(|_| {
            let local = NameServerConfig::udp_and_tcp(Ipv4Addr::LOCALHOST.into());
            (ResolverConfig::from_name_servers(vec![local]), ResolverOpts::default())
        });
        let ndots = options.ndots;
        let (domain, mut search, servers) = config.into_parts();
        if search.is_empty() {
            search.extend(domain);
        }
        let resolver = super::build(ResolverConfig::from_name_servers(servers), options)?;
        Ok(Self { resolver, search, ndots })
    }

    /// Full names to try. A name with a dot at its end is full already. A name with at least `ndots` dots is tried as
    /// it is and then in the search domains; one with fewer dots in the opposite order (resolv.conf(5)).
    fn full_names(&self, name: &Name) -> Vec<Name> {
        let mut full = name.clone();
        full.set_fqdn(true);
        if name.is_fqdn() {
            return vec![full];
        }
        let mut names: Vec<_> = self
            .search
            .iter()
            .filter_map(|domain| {
                let mut name = name.clone().append_domain(domain).ok()?;
                name.set_fqdn(true);
                Some(name)
            })
            .collect();
        let dots = usize::from(name.num_labels()).saturating_sub(1);
        let place = if dots >= self.ndots { 0 } else { names.len() };
        names.insert(place, full);
        names
    }
}

/// Data read from a file, and the modification time of the file then.
#[derive(Debug)]
struct Dated<T>(Option<(Option<SystemTime>, T)>);

impl<T> Default for Dated<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Dated<T> {
    /// Reads the file again if its modification time has changed.
    fn get(&mut self, path: &str, read: impl FnOnce() -> Result<T, NetError>) -> Result<&T, NetError> {
        let date = fs::metadata(path).and_then(|file| file.modified()).ok();
        let current = match self.0.take() {
            Some((then, value)) if then == date => (then, value),
            _ => (date, read()?),
        };
        Ok(&self.0.insert(current).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(search: &[&str], ndots: usize) -> Servers {
        let search = search.iter().map(|name| Name::from_ascii(name).expect("a name")).collect();
        let resolver = super::super::build(ResolverConfig::default(), ResolverOpts::default()).expect("a resolver");
        Servers { resolver, search, ndots }
    }

    fn full_names(servers: &Servers, name: &str) -> Vec<String> {
        servers.full_names(&Name::from_ascii(name).expect("a name")).iter().map(Name::to_ascii).collect()
    }

    #[test]
    fn short_names_are_tried_in_the_search_domains_first() {
        let servers = servers(&["ns.svc.cluster.local", "cluster.local."], 2);
        assert_eq!(full_names(&servers, "app"), ["app.ns.svc.cluster.local.", "app.cluster.local.", "app."]);
        assert_eq!(full_names(&servers, "a.b"), ["a.b.ns.svc.cluster.local.", "a.b.cluster.local.", "a.b."]);
        assert_eq!(full_names(&servers, "a.b.c"), ["a.b.c.", "a.b.c.ns.svc.cluster.local.", "a.b.c.cluster.local."]);
        assert_eq!(full_names(&servers, "app."), ["app."]);
    }

    #[test]
    fn the_hosts_file_answers_in_both_families_whatever_the_case() {
        let mut hosts = Hosts::default();
        hosts.read_hosts_conf(&b"10.1.1.1 app # x\nfd00::7 app\n10.1.1.2 other\n"[..]).expect("a hosts file");
        let name = Name::from_ascii("App").expect("a name");
        let mut found: Vec<_> = listed(&hosts, &name).iter().map(ToString::to_string).collect();
        found.sort();
        assert_eq!(found, ["10.1.1.1", "fd00::7"]);
    }

    #[test]
    fn a_file_is_read_again_only_when_its_date_changes() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let path = file.path().to_str().expect("a path").to_owned();
        let mut dated = Dated::default();
        assert_eq!(dated.get(&path, || Ok(1)).expect("read"), &1);
        assert_eq!(dated.get(&path, || Ok(2)).expect("not read"), &1);
        let later = SystemTime::now() + Duration::from_secs(60);
        file.as_file().set_modified(later).expect("touched");
        assert_eq!(dated.get(&path, || Ok(3)).expect("read again"), &3);
    }
}
