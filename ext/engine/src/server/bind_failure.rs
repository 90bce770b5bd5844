//! Why an address could not be bound, and what can be done.

use super::StartError;
use crate::config::Problem;
use crate::listen::binds::Bind;
use crate::listen::{unix_socket, BindAddress};

/// The error of an address that could not be bound, with a remedy.
pub(super) fn cannot_bind(bind: &Bind, error: &std::io::Error) -> StartError {
    use std::io::ErrorKind;
    let why = match error.kind() {
        ErrorKind::AddrInUse if bind.is_unix() => "a program listens there: stop it, or write another path".into(),
        ErrorKind::AddrInUse => "the address is in use: stop the program that listens there, or write another \
                                 port"
            .into(),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => match &bind.key.address {
            BindAddress::Unix(path) => unix_socket::denied(path, error),
            BindAddress::Tcp(address) => denied_port(address.port()),
        },
        ErrorKind::AddrNotAvailable => {
            "this machine has no such address: write one of its own, or 0.0.0.0 for all of them".into()
        }
        ErrorKind::NotFound => "the directory does not exist: create it first".into(),
        _ => error.to_string(),
    };
    unbound(bind, &why)
}

/// Why a port was refused, and what can be done: this differs from place to place.
fn denied_port(port: u16) -> String {
    let first = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap_or_default();
    let first = first.trim().parse().unwrap_or(1024);
    if port >= first {
        return "permission was denied: a rule of this machine, such as one of SELinux, forbids the port: allow it \
                there, or write another port"
            .into();
    }
    format!(
        "permission was denied, since ports below {first} need a right: with systemd write \
         AmbientCapabilities=CAP_NET_BIND_SERVICE into the unit, or let a .socket unit listen; elsewhere lower the \
         sysctl net.ipv4.ip_unprivileged_port_start, or write a port above {}. setcap is no remedy: it would give \
         every Ruby program that right",
        first - 1
    )
}

/// The problem with an address, with its URL: a server may have several addresses.
pub(super) fn unbound(bind: &Bind, why: &str) -> StartError {
    StartError::Bind(Problem::error(bind.at.as_ref(), "bind", format!("{}: {why}", bind.url)))
}
