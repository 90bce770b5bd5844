//! Sets of IP addresses: `"10.0.0.0/8"`, `"192.0.2.7"`, `"fd00::/8"`.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::compile::Report;

/// Entry in a list of addresses that stands for every client of a unix socket.
pub(crate) const UNIX: &str = "unix:";

/// Addresses and networks. An IPv4-mapped IPv6 address (`::ffff:192.0.2.7`) counts as the IPv4 address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Networks(Box<[IpNet]>);

impl Networks {
    /// Parses addresses and networks. Invalid ones are reported.
    pub(crate) fn compile(texts: &[String], report: &mut Report<'_>) -> Self {
        Self(texts.iter().filter_map(|text| report.ok(parse(text))).collect())
    }

    /// Whether one of the networks contains the address.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// A network that contains every address of its family, if there is one.
    pub(crate) fn everybody(&self) -> Option<&IpNet> {
        self.0.iter().find(|network| network.prefix_len() == 0)
    }
}

fn parse(text: &str) -> Result<IpNet, String> {
    let written = text.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = written.parse::<IpAddr>() {
        return Ok(IpNet::from(address.to_canonical()));
    }
    let network = text.parse::<IpNet>().map_err(|_| {
        format!(
            "{text:?} is not a valid address or network: write one such as \"192.0.2.7\", \"10.0.0.0/8\" or \
             \"fd00::/8\""
        )
    })?;
    let network = canonical(network);
    if network.trunc() != network {
        return Err(format!(
            "{text:?} has address bits set after its prefix: write \"{}\" for the network, or \"{}\" for the address",
            network.trunc(),
            network.addr()
        ));
    }
    Ok(network)
}

/// The IPv4 network for an IPv4-mapped one: `::ffff:10.0.0.0/104` is `10.0.0.0/8`.
fn canonical(network: IpNet) -> IpNet {
    match (network.addr().to_canonical(), network.prefix_len().checked_sub(96)) {
        (IpAddr::V4(v4), Some(prefix)) if network.addr().is_ipv6() => IpNet::new(v4.into(), prefix).unwrap_or(network),
        _ => network,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(texts: &[&str]) -> (Networks, Vec<String>) {
        let mut problems = Vec::new();
        let texts: Vec<_> = texts.iter().map(|text| (*text).to_owned()).collect();
        let networks = Networks::compile(&texts, &mut Report::new("allow_list", None, &mut problems));
        (networks, problems.into_iter().map(|problem| problem.message).collect())
    }

    #[test]
    fn addresses_are_found_in_what_holds_them() {
        let (networks, problems) = networks(&["10.0.0.0/8", "192.0.2.7", "fd00::/8", "[::1]", "::ffff:172.16.0.0/108"]);
        assert!(problems.is_empty(), "{problems:?}");
        for (address, inside) in [
            ("10.1.2.3", true),
            ("11.0.0.0", false),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("::ffff:10.9.9.9", true),
            ("::ffff:192.0.2.8", false),
            ("fd12::1", true),
            ("fe80::1", false),
            ("::1", true),
            ("172.16.3.4", true),
            ("172.32.0.0", false),
        ] {
            assert_eq!(networks.contains(address.parse().expect(address)), inside, "{address}");
        }
    }

    #[test]
    fn a_network_without_a_prefix_holds_everybody() {
        for (text, everybody) in
            [("0.0.0.0/0", true), ("::/0", true), ("::ffff:0.0.0.0/96", true), ("0.0.0.0/1", false)]
        {
            assert_eq!(networks(&["10.0.0.0/8", text]).0.everybody().is_some(), everybody, "{text}");
        }
    }

    #[test]
    fn what_is_no_network_is_reported_with_what_to_write() {
        let (_, problems) = networks(&["10.0.0.0/33", "10.0.0.1/8", "example.com", ""]);
        assert_eq!(problems.len(), 4);
        assert!(problems[0].starts_with("\"10.0.0.0/33\" is not a valid address or network: write"), "{problems:?}");
        assert!(problems[1].contains("write \"10.0.0.0/8\" for the network, or \"10.0.0.1\""), "{problems:?}");
    }
}
