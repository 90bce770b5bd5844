//! Requests that a Ruby server has read: `Proxy::Native::Server#takes?` and `#adopt`.

use std::fs::File;
use std::os::fd::RawFd;

use magnus::{Error, RString, Ruby, TryConvert, Value};
use proxy_engine::{AdoptedClient, Adoption, StartError};

use super::{Life, Server};
use crate::descriptor::{borrow, duplicate};
use crate::error;

/// The sender of a request: its address, whether it asked by `https`, and the descriptor of its socket if that is
/// known.
type Sender = (Option<String>, bool, Option<RawFd>);

impl Server {
    /// `takes?(head, [address, https, fd])`: whether a handler answers the request with this head. A server that has
    /// ended and a forked child's copy take nothing.
    pub(super) fn takes(ruby: &Ruby, server: &Self, head: RString, client: Sender) -> Result<bool, Error> {
        let client = client_of(ruby, client)?;
        Ok(server.owned().and_then(Life::running).is_some_and(|running| running.takes(&head.to_bytes(), &client)))
    }

    /// `adopt(fd, head, body, [address, https, fd])`: answers the request over the connection `fd`, of which the engine
    /// makes a descriptor of its own. `body` is what was read of the body: nil, a String, or `[fd, length]` for the
    /// beginning of a file. Raises a `Proxy::Error` if the server has ended or a descriptor is not open.
    pub(super) fn adopt(
        ruby: &Ruby,
        server: &Self,
        fd: RawFd,
        head: RString,
        body: Value,
        client: Sender,
    ) -> Result<(), Error> {
        let failed = |error| error::not_started(ruby, error);
        let client = client_of(ruby, client)?;
        let mut before = head.to_bytes().to_vec();
        let file = match RString::from_value(body) {
            Some(body) => {
                before.extend_from_slice(&body.to_bytes());
                None
            }
            None => Option::<(RawFd, u64)>::try_convert(body)?,
        };
        let own = |fd| duplicate(fd).map_err(|error| failed(StartError::System(error)));
        let file = file.map(|(fd, length)| Ok::<_, Error>((File::from(own(fd)?), length))).transpose()?;
        let running = server.owned().and_then(Life::running).ok_or_else(|| failed(StartError::Stopped))?;
        running.adopt(Adoption { socket: own(fd)?, before, file, client }).map_err(failed)
    }
}

fn client_of(ruby: &Ruby, (addr, tls, socket): Sender) -> Result<AdoptedClient, Error> {
    let addr = addr.as_deref();
    match socket {
        None => Ok(AdoptedClient::new(addr, tls, None)),
        Some(fd) => borrow(fd, |socket| AdoptedClient::new(addr, tls, Some(socket)))
            .map_err(|error| error::not_started(ruby, StartError::System(error))),
    }
}
