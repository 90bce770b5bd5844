//! Header of the PROXY protocol for a new connection to a backend.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proxy_http::proxy_protocol::Whose;

use super::Exchange;
use crate::upstream::Backend;

impl Exchange<'_> {
    /// Writes the first bytes of a new connection to `backend` into `work.introduction`: a PROXY header, or (usually)
    /// nothing.
    pub(crate) fn introduce(&mut self, backend: &Backend) {
        self.work.introduction.clear();
        if let Some(form) = backend.settings().proxy_protocol {
            let whose = self.whose();
            form.write(&whose, &mut self.work.introduction);
        }
    }

    /// The client, and the address that it connected to: ours, or that of the proxy that named it in a PROXY header.
    fn whose(&self) -> Whose {
        let ip = match self.client_info.ip {
            _ if self.client_info.stranger => return Whose::Unknown,
            None => return Whose::Unix,
            Some(ip) => ip,
        };
        // A forwarding field says at most the port at which the client reached another server.
        let here = self.trusted_hop.unwrap_or(self.client_info);
        let nowhere: IpAddr = if ip.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        Whose::Client {
            source: (ip, self.client_info.port.unwrap_or(0)).into(),
            destination: (here.local_ip.unwrap_or(nowhere), here.local_port.unwrap_or(0)).into(),
        }
    }
}
