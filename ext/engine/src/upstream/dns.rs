//! DNS names of backends, resolved and kept for the TTL of the answers.

mod records;
mod service;
mod system;

pub(crate) use service::{domain, is_service, ResolvedAddress};

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::pin::pin;
use std::time::Duration;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::TokioResolver;
use parking_lot::Mutex;
use tokio::time::timeout;

use crate::compile::Report;
use crate::config::{Problem, Setting};
use system::{System, HOSTS_TTL};

/// Shortest time for which an answer is used, even if its TTL is shorter.
pub(crate) const SHORTEST_TTL: Duration = Duration::from_secs(1);
/// Longest time for which an answer is used, even if its TTL is longer.
pub(crate) const LONGEST_TTL: Duration = Duration::from_secs(3600);
/// Time to wait for the other family's addresses once those of one family are known: a server that ignores questions
/// for AAAA must not hold up requests.
const PATIENCE: Duration = Duration::from_millis(250);
/// Time until the next lookup if the addresses of one family could not be learned.
const UNKNOWN_FAMILY_TTL: Duration = Duration::from_secs(10);

/// Resolves names with the system's configuration, or by asking given servers.
///
/// With the system's configuration, names resolve as in its C library: the hosts file first, then the servers of
/// `resolv.conf` with its search domains. Both files are read again when they change. Given servers are asked for
/// exactly the name that was written.
#[derive(Debug)]
pub(crate) struct Dns(DnsSource);

#[derive(Debug)]
enum DnsSource {
    System(Mutex<System>),
    Given(TokioResolver),
}

/// The addresses of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DnsAnswer {
    /// In a fixed order, IPv4 first, without duplicates. Never empty.
    pub addresses: Vec<IpAddr>,
    /// Time until the next lookup: from [`SHORTEST_TTL`] to [`LONGEST_TTL`].
    pub ttl: Duration,
}

/// Reason why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoAnswer(String);

impl std::fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoAnswer {}

impl Dns {
    /// Reads the `resolver` directive: servers as `ADDRESS` or `ADDRESS:PORT`, or none for the system's configuration.
    /// `None` if one of them is wrong; `problems` then says which.
    pub(crate) fn compile(resolver: &Setting<Vec<String>>, problems: &mut Vec<Problem>) -> Option<Self> {
        let mut report = Report::new("resolver", resolver.at.as_ref(), problems);
        let servers: Vec<_> = resolver.value.iter().filter_map(|text| report.ok(server(text))).collect();
        if !report.is_sound() {
            return None;
        }
        if servers.is_empty() {
            return Some(Self::system());
        }
        report.ok(Self::given(&servers).map_err(|error| format!("the DNS client cannot be set up: {error}")))
    }

    /// A resolver that works as the system's C library does.
    pub(crate) fn system() -> Self {
        Self(DnsSource::System(Mutex::default()))
    }

    /// A resolver that asks these servers.
    ///
    /// # Errors
    /// If the DNS client cannot be set up.
    pub(crate) fn given(servers: &[SocketAddr]) -> Result<Self, NetError> {
        let servers = servers.iter().copied().map(name_server).collect();
        // Half the default: a dead server delays a name's first request.
        let mut options = ResolverOpts::default();
        options.timeout = Duration::from_millis(2500);
        build(ResolverConfig::from_name_servers(servers), options).map(|resolver| Self(DnsSource::Given(resolver)))
    }

    /// Full names to query for the name of a service, and the resolver to ask.
    fn plan_service(&self, service: &str) -> Result<(Vec<Name>, TokioResolver), NetError> {
        let mut name = Name::from_ascii(service).map_err(NetError::from)?;
        match &self.0 {
            DnsSource::Given(resolver) => {
                name.set_fqdn(true);
                Ok((vec![name], resolver.clone()))
            }
            DnsSource::System(system) => system.lock().plan(&name).map(|plan| (plan.names, plan.resolver)),
        }
    }

    /// Queries the A and AAAA records of `host`. `known` are the addresses known so far: if the query for one family
    /// fails and the other's succeeds, the known addresses of the failed family are kept.
    ///
    /// To be called within a tokio runtime with time and IO.
    ///
    /// # Errors
    /// If there is no address: the name does not exist, or no server gave a usable answer.
    pub(crate) async fn lookup(&self, host: &str, known: &[IpAddr]) -> Result<DnsAnswer, NoAnswer> {
        let fail = |why: &dyn std::fmt::Display| NoAnswer(format!("{host} has no address: {why}"));
        let name = Name::from_ascii(host).map_err(|error| fail(&error))?;
        let plan = match &self.0 {
            DnsSource::Given(resolver) => {
                let mut name = name;
                name.set_fqdn(true);
                return ask(resolver, name, known).await.map_err(|error| fail(&error));
            }
            DnsSource::System(system) => system.lock().plan(&name).map_err(|error| fail(&error))?,
        };
        if !plan.hosts.is_empty() {
            return Ok(answer(plan.hosts, HOSTS_TTL));
        }
        let mut worst = None;
        for name in plan.names {
            match ask(&plan.resolver, name, known).await {
                Ok(answer) => return Ok(answer),
                // A failing server is more important to report than "does not exist".
                Err(error) if worst.is_none() || !error.is_no_records_found() => worst = Some(error),
                Err(_) => {}
            }
        }
        Err(worst.map_or_else(|| fail(&"it cannot be made a full name"), |error| fail(&error)))
    }
}

/// Result of the query for one address family.
enum Family {
    Found {
        addresses: Vec<IpAddr>,
        ttl: Duration,
    },
    /// The name has no address of this family.
    None(NetError),
    /// No server gave a usable answer.
    Unknown(NetError),
}

/// Queries both families of one full name.
async fn ask(resolver: &TokioResolver, name: Name, known: &[IpAddr]) -> Result<DnsAnswer, NetError> {
    // The cache has a capacity of zero, and yet may keep an answer until it next tidies up.
    resolver.clear_cache();
    let v4 = family(resolver, name.clone(), RecordType::A);
    let v6 = family(resolver, name, RecordType::AAAA);
    match both(v4, v6).await {
        (Family::None(_), Family::Unknown(error)) | (Family::Unknown(error), Family::None(_)) => Err(error),
        (Family::None(error) | Family::Unknown(error), Family::None(_) | Family::Unknown(_)) => Err(error),
        (v4, v6) => {
            let mut all = Vec::new();
            let mut shortest = LONGEST_TTL;
            for (family, is_v4) in [(v4, true), (v6, false)] {
                match family {
                    Family::Found { addresses, ttl } => {
                        all.extend(addresses);
                        shortest = shortest.min(ttl);
                    }
                    Family::None(_) => {}
                    Family::Unknown(_) => {
                        all.extend(known.iter().filter(|ip| ip.is_ipv4() == is_v4));
                        shortest = shortest.min(UNKNOWN_FAMILY_TTL);
                    }
                }
            }
            Ok(answer(all, shortest))
        }
    }
}

async fn family(resolver: &TokioResolver, name: Name, kind: RecordType) -> Family {
    match resolver.lookup(name, kind).await {
        Ok(lookup) => {
            let addresses: Vec<_> = lookup.answers().iter().filter_map(|record| record.data.ip_addr()).collect();
            // The CNAMEs on the way are among the answers: the shortest TTL of the chain counts.
            match lookup.answers().iter().map(|record| record.ttl).min() {
                Some(ttl) if !addresses.is_empty() => Family::Found { addresses, ttl: Duration::from_secs(ttl.into()) },
                _ => Family::None(NetError::from("it has no address")),
            }
        }
        Err(error) if error.is_no_records_found() => Family::None(error),
        Err(error) => Family::Unknown(error),
    }
}

/// Waits for both families. Once one has found addresses, the other gets only [`PATIENCE`] more.
async fn both(v4: impl Future<Output = Family>, v6: impl Future<Output = Family>) -> (Family, Family) {
    async fn rest(first: &Family, second: impl Future<Output = Family>) -> Family {
        if !matches!(first, Family::Found { .. }) {
            return second.await;
        }
        timeout(PATIENCE, second).await.unwrap_or(Family::Unknown(NetError::Timeout))
    }
    let (mut v4, mut v6) = (pin!(v4), pin!(v6));
    tokio::select! {
        first = &mut v4 => {
            let second = rest(&first, v6).await;
            (first, second)
        }
        first = &mut v6 => {
            let second = rest(&first, v4).await;
            (second, first)
        }
    }
}

/// Sorts addresses in an order that is equal for every answer, and limits the TTL to its bounds.
fn answer(mut addresses: Vec<IpAddr>, ttl: Duration) -> DnsAnswer {
    addresses.sort_unstable();
    addresses.dedup();
    // A machine without IPv6 gets IPv6 addresses from DNS too; each would cost a failed attempt.
    if addresses.iter().any(|ip| has_route(*ip)) {
        addresses.retain(|ip| has_route(*ip));
    }
    DnsAnswer { addresses, ttl: ttl.clamp(SHORTEST_TTL, LONGEST_TTL) }
}

/// Whether this machine has a route to that address. Connecting a UDP socket asks the routing table and sends nothing.
fn has_route(ip: IpAddr) -> bool {
    let any: IpAddr = if ip.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    UdpSocket::bind((any, 0)).and_then(|socket| socket.connect((ip, 9))).is_ok()
}

/// Reads `ADDRESS` or `ADDRESS:PORT`.
fn server(text: &str) -> Result<SocketAddr, String> {
    let ip = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    if let Ok(ip) = ip.parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, 53));
    }
    match text.parse::<SocketAddr>() {
        Ok(server) if server.port() > 0 => Ok(server),
        _ => Err(format!(
            "{text:?} is not a valid DNS server address: write an IP address, and a port if it is not 53, as in \
             \"10.0.0.2\" or \"127.0.0.1:5353\""
        )),
    }
}

fn name_server(server: SocketAddr) -> NameServerConfig {
    let (mut udp, mut tcp) = (ConnectionConfig::udp(), ConnectionConfig::tcp());
    (udp.port, tcp.port) = (server.port(), server.port());
    NameServerConfig::new(server.ip(), true, vec![udp, tcp])
}

/// A DNS client that queries full names and caches nothing.
fn build(config: ResolverConfig, mut options: ResolverOpts) -> Result<TokioResolver, NetError> {
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    *builder.options_mut() = options;
    builder.build()
}

#[cfg(test)]
mod tests;
