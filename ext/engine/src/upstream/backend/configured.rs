//! One entry of `backends`, and the backends that it stands for: as many as its name has addresses.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use rustls::pki_types::ServerName;

use super::group::BackendGroup;
use super::settings::HEAVIEST;
use super::{Backend, BackendAddress, BackendSettings, Tls};
use crate::application::Application;
use crate::upstream::address::{default_port, server_name, Address, Host};
use crate::upstream::dns::{self, ResolvedAddress};

/// One entry of `backends`.
#[derive(Debug, Clone)]
pub(in crate::upstream) enum ConfiguredBackend {
    /// An address that needs no resolving.
    Fixed(Arc<Backend>),
    /// A DNS name, which stands for as many backends as it has addresses.
    Named { name: DnsName, backends: Vec<(ResolvedAddress, Arc<Backend>)>, answered: bool },
}

#[derive(Debug, Clone)]
pub(in crate::upstream) struct DnsName {
    pub(in crate::upstream) host: String,
    pub(in crate::upstream) port: u16,
    authority: String,
    tls: Option<Tls>,
    traits: BackendSettings,
}

impl ConfiguredBackend {
    pub(in crate::upstream) fn new(
        address: &Address,
        secure: bool,
        tls: Option<Tls>,
        traits: BackendSettings,
        group: &Arc<BackendGroup>,
    ) -> Self {
        let authority = address.host_field(secure);
        let (host, port) = match address {
            Address::Unix(path) => {
                let (label, place) = (format!("unix:{}", path.display()), BackendAddress::Unix(path.clone()));
                return Self::Fixed(Backend::within(group, label, &authority, place, tls, traits));
            }
            Address::Application(id, name) => {
                let place = BackendAddress::Application(Application::with_inbox(*id));
                return Self::Fixed(Backend::within(group, name.clone(), &authority, place, tls, traits));
            }
            Address::Tcp { host, port, .. } => (host, port.unwrap_or_else(|| default_port(secure))),
        };
        let fixed = |label, place| Self::Fixed(Backend::within(group, label, &authority, place, tls.clone(), traits));
        match host {
            Host::Ip(ip) => {
                let address = SocketAddr::new(*ip, port);
                fixed(address.to_string(), BackendAddress::Tcp(address))
            }
            // `localhost` is one backend although its name has two addresses: a server there often listens on one of
            // them only, and every other request would fail.
            Host::Name(name) if host.is_localhost() => {
                let place =
                    BackendAddress::Either((Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into());
                fixed(format!("{name}:{port}"), place)
            }
            Host::Name(name) => {
                let authority = match dns::is_service(name) {
                    // The host of the service stands for those in its records, which only DNS names.
                    true => dns::domain(name).to_owned(),
                    false => authority,
                };
                let name = DnsName { host: name.clone(), port, authority, tls, traits };
                Self::Named { name, backends: Vec::new(), answered: false }
            }
        }
    }

    /// The backends that there are now.
    pub(in crate::upstream) fn backends(&self) -> impl Iterator<Item = &Arc<Backend>> {
        let (fixed, named) = match self {
            Self::Fixed(backend) => (Some(backend), &[][..]),
            Self::Named { backends, .. } => (None, &backends[..]),
        };
        fixed.into_iter().chain(named.iter().map(|(_, backend)| backend))
    }
}

impl DnsName {
    pub(in crate::upstream) fn backend(&self, target: &ResolvedAddress, group: &Arc<BackendGroup>) -> Arc<Backend> {
        let traits = BackendSettings {
            weight: self.traits.weight.saturating_mul(target.weight).min(HEAVIEST),
            backup: self.traits.backup || target.backup,
            ..self.traits
        };
        let (label, place) = (target.address.to_string(), BackendAddress::Tcp(target.address));
        Backend::of_name(group, label, &self.authority, place, self.tls.clone(), traits)
    }
}

/// The TLS name of a backend for which nothing else says one. Names that no certificate can carry have been refused
/// before; should one come here all the same, the handshake fails for it.
pub(in crate::upstream) fn own_name(address: &Address) -> ServerName<'static> {
    let localhost = || ServerName::IpAddress(Ipv4Addr::LOCALHOST.into());
    match address {
        Address::Tcp { host: Host::Name(name), .. } if dns::is_service(name) => {
            ServerName::try_from(dns::domain(name).to_owned()).unwrap_or_else(|_| localhost())
        }
        Address::Tcp { host, .. } => server_name(host).unwrap_or_else(localhost),
        Address::Unix(_) | Address::Application(..) => {
            ServerName::try_from("localhost").unwrap_or_else(|_| localhost())
        }
    }
}

impl ConfiguredBackend {
    /// The addresses of that name, and whether DNS was asked for them at all, if it is the one that stands here.
    fn addresses_of(&self, wanted: &DnsName) -> Option<(Vec<&ResolvedAddress>, bool)> {
        match self {
            Self::Named { name, backends, answered } if (&name.host, name.port) == (&wanted.host, wanted.port) => {
                Some((backends.iter().map(|(target, _)| target).collect(), *answered))
            }
            _ => None,
        }
    }
}

/// Carries addresses and backend state over from the old configuration; state only if connections are `alike`. New
/// backends slow-start.
pub(in crate::upstream) fn carry_over(
    configured: &mut [ConfiguredBackend],
    before: &[ConfiguredBackend],
    group: &Arc<BackendGroup>,
    alike: bool,
) {
    let mut left: Vec<_> =
        if alike { before.iter().flat_map(ConfiguredBackend::backends).collect() } else { Vec::new() };
    let mut carry_over = |backend: &mut Arc<Backend>| match left.iter().position(|old| backend.carry_over(old)) {
        // Written twice it is two backends.
        Some(index) => drop(left.swap_remove(index)),
        None => backend.rise(),
    };
    for entry in configured {
        match entry {
            ConfiguredBackend::Fixed(backend) => carry_over(backend),
            ConfiguredBackend::Named { name, backends, answered } => {
                let Some((targets, known)) = before.iter().find_map(|old| old.addresses_of(name)) else { continue };
                *answered = known;
                for target in targets {
                    let mut backend = name.backend(target, group);
                    carry_over(&mut backend);
                    backends.push((target.clone(), backend));
                }
            }
        }
    }
}
