//! Lines of the access log for a syslog daemon (RFC 5424), one datagram for each.
//!
//! A daemon that is lost or restarted is connected to again. One that takes nothing is not waited for: its lines are
//! lost and counted.

use std::fmt;
use std::io::{self, Write};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::civil_time::CivilTime;
use crate::fork::OnItsWay;
use crate::output::LostLines;

/// Facility local7 and severity info (RFC 5424, section 6.2.1), as nginx has it.
const PRIORITY: &str = "<190>1 ";

/// Bytes of the longest message, with its head. What is behind is cut off.
const LONGEST: usize = 8 * 1024;

/// Longest wait for a daemon that does not read.
const PATIENCE: Duration = Duration::from_millis(100);

/// Time after a failure in which no further line is tried.
const PAUSE: Duration = Duration::from_secs(1);

/// Where a daemon listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SyslogAddress {
    Unix(PathBuf),
    Udp(SocketAddr),
}

impl SyslogAddress {
    /// Reads what stands behind `syslog:`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let remedy = "write syslog:unixgram:/dev/log or syslog:udp:127.0.0.1:514";
        match text.split_once(':') {
            Some(("unixgram", path)) if Path::new(path).is_absolute() => Ok(Self::Unix(path.into())),
            Some(("unixgram", path)) => Err(format!("{path:?} is no whole path: {remedy}")),
            Some(("udp", address)) => match address.parse::<SocketAddr>() {
                Ok(address) if address.port() != 0 => Ok(Self::Udp(address)),
                _ => Err(format!("{address:?} is no address with a port: {remedy}")),
            },
            _ => Err(format!("\"syslog:{text}\" is unknown: {remedy}")),
        }
    }
}

impl fmt::Display for SyslogAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "syslog:unixgram:{}", path.display()),
            Self::Udp(address) => write!(f, "syslog:udp:{address}"),
        }
    }
}

/// The way to a daemon.
#[derive(Debug)]
pub(super) struct Syslog {
    address: SyslogAddress,
    socket: Option<SyslogSocket>,
    /// Time before which no line is tried.
    again: Option<Instant>,
    /// What stands between the time and the line.
    origin: String,
    message: Vec<u8>,
}

#[derive(Debug)]
struct SyslogSocket {
    /// A child that is forked meanwhile does not get the socket.
    _on_its_way: OnItsWay,
    socket: Datagrams,
}

#[derive(Debug)]
enum Datagrams {
    Unix(UnixDatagram),
    Udp(UdpSocket),
}

impl Syslog {
    /// The way to the daemon at `address`, and whether it is there now. If not, it is tried again with the lines.
    pub(super) fn connect(address: SyslogAddress) -> (Self, io::Result<()>) {
        let origin = format!(" {} proxy {} access - ", host_name(), std::process::id());
        let mut syslog = Self { address, socket: None, again: None, origin, message: Vec::new() };
        let reached = syslog.reconnect();
        (syslog, reached)
    }

    /// Sends whole lines.
    pub(super) fn write(&mut self, lines: &[u8]) -> Result<(), LostLines> {
        let mut lost: Option<LostLines> = None;
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            if let Err(why) = self.send(line) {
                // The first failure says more than those that follow from it.
                lost.get_or_insert(LostLines { count: 0, why }).count += 1;
            }
        }
        lost.map_or(Ok(()), Err)
    }

    fn send(&mut self, line: &[u8]) -> io::Result<()> {
        if self.again.is_some_and(|again| Instant::now() < again) {
            return Err(io::Error::new(io::ErrorKind::NotConnected, format!("{} takes nothing", self.address)));
        }
        self.again = None;
        self.compose(line);
        let sent = match self.try_once() {
            Err(error) if is_lost(&error) => self.reconnect().and_then(|()| self.try_once()),
            sent => sent,
        };
        sent.map_err(|error| {
            self.again = Some(Instant::now() + PAUSE);
            let why = match error.kind() {
                io::ErrorKind::WouldBlock => format!("{} does not read", self.address),
                _ => format!("{}: {error}", self.address),
            };
            io::Error::new(error.kind(), why)
        })
    }

    /// Sends the composed message over the socket that there is.
    fn try_once(&self) -> io::Result<()> {
        match &self.socket {
            Some(SyslogSocket { socket: Datagrams::Unix(socket), .. }) => socket.send(&self.message).map(drop),
            Some(SyslogSocket { socket: Datagrams::Udp(socket), .. }) => socket.send(&self.message).map(drop),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn reconnect(&mut self) -> io::Result<()> {
        self.socket = None;
        let (socket, on_its_way) = match &self.address {
            SyslogAddress::Unix(path) => {
                let (socket, on_its_way) = OnItsWay::open(UnixDatagram::unbound)?;
                socket.connect(path)?;
                socket.set_write_timeout(Some(PATIENCE))?;
                (Datagrams::Unix(socket), on_its_way)
            }
            SyslogAddress::Udp(address) => {
                let any: SocketAddr = if address.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0; 8], 0).into() };
                let (socket, on_its_way) = OnItsWay::open(|| UdpSocket::bind(any))?;
                socket.connect(address)?;
                socket.set_write_timeout(Some(PATIENCE))?;
                (Datagrams::Udp(socket), on_its_way)
            }
        };
        self.socket = Some(SyslogSocket { _on_its_way: on_its_way, socket });
        Ok(())
    }

    fn compose(&mut self, line: &[u8]) {
        let message = &mut self.message;
        message.clear();
        message.extend_from_slice(PRIORITY.as_bytes());
        CivilTime::of(SystemTime::now()).write_rfc3339(message);
        let _ = message.write_all(self.origin.as_bytes());
        let room = LONGEST - message.len();
        if line.len() <= room {
            message.extend_from_slice(line);
            return;
        }
        // Not within a character.
        let end = (0..=room).rev().find(|end| line[*end] & 0xc0 != 0x80).unwrap_or(room);
        message.extend_from_slice(&line[..end]);
    }
}

/// Whether another connection may help: the daemon has ended, or has begun anew.
fn is_lost(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset, NotConnected, NotFound};
    matches!(error.kind(), BrokenPipe | ConnectionRefused | ConnectionReset | NotConnected | NotFound)
}

/// Name of this machine, as a field of a message: printable, without spaces, at most 255 bytes.
fn host_name() -> String {
    let name = nix::sys::utsname::uname().map(|names| names.nodename().to_string_lossy().into_owned());
    let name: String = name.unwrap_or_default().chars().filter(char::is_ascii_graphic).take(255).collect();
    if name.is_empty() {
        return "-".into();
    }
    name
}

#[cfg(test)]
mod tests;
