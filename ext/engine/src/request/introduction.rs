//! Telling a backend whose connection it gets, in a header of the PROXY protocol.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proxy_http::proxy_protocol::Whose;

use super::Exchange;
use crate::upstream::Backend;

impl Exchange<'_> {
    /// Puts into `work.introduction` what a new connection to that backend begins with for this request. Usually that
    /// is nothing.
    pub(crate) fn introduce(&mut self, backend: &Backend) {
        self.work.introduction.clear();
        if let Some(form) = backend.settings().proxy_protocol {
            let whose = self.whose();
            form.write(&whose, &mut self.work.introduction);
        }
    }

    /// The client, and where it came to: to us, or to the proxy whose PROXY header told of it.
    fn whose(&self) -> Whose {
        let ip = match self.client_info.ip {
            _ if self.client_info.stranger => return Whose::Unknown,
            None => return Whose::Unix,
            Some(ip) => ip,
        };
        // A field says at most the port at which the client came to somebody else.
        let here = self.trusted_hop.unwrap_or(self.client_info);
        let nowhere: IpAddr = if ip.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        Whose::Client {
            source: (ip, self.client_info.port.unwrap_or(0)).into(),
            destination: (here.local_ip.unwrap_or(nowhere), here.local_port.unwrap_or(0)).into(),
        }
    }
}
