//! `listeners:` of `Proxy.start`: listening sockets that the program has opened.

use magnus::{prelude::*, Error, RArray, RFile, Ruby};
use proxy_engine::{Config, HandedOver, ListeningSocket};

use crate::descriptor::with_descriptor;

/// `Proxy::Native.listening_url(io)`: URL of a bind for the socket. Raises an `ArgumentError` if it is no listening
/// socket; the message goes on after the socket's name.
pub(crate) fn listening_url(ruby: &Ruby, io: RFile) -> Result<String, Error> {
    duplicate(ruby, io).map(|socket| socket.url())
}

/// `Proxy::Native.assign(urls, ios, names)`: for each bind, by its URL, the number of its socket, or nil. Raises as
/// `listening_url` does.
pub(crate) fn assign(
    ruby: &Ruby,
    urls: Vec<String>,
    ios: RArray,
    names: Vec<String>,
) -> Result<Vec<Option<usize>>, Error> {
    let named: Vec<_> = all(ruby, ios)?.into_iter().zip(names).collect();
    Ok(proxy_engine::assign(&urls, &named))
}

/// Duplicates of the sockets of these IOs.
pub(crate) fn all(ruby: &Ruby, ios: RArray) -> Result<Vec<ListeningSocket>, Error> {
    let io = |io| RFile::from_value(io).ok_or_else(|| Error::new(ruby.exception_type_error(), "not an IO"));
    ios.into_iter().map(|value| duplicate(ruby, io(value)?)).collect()
}

/// Hands the sockets over to the binds of the same number. `nil`: the server opens its own; `false`: the program has
/// closed it; an IO in an Array: the process before has opened it.
pub(crate) fn hand_over(ruby: &Ruby, config: &mut Config, sockets: RArray) -> Result<(), Error> {
    for (bind, socket) in config.binds.iter_mut().zip(sockets) {
        bind.handed_over = match RFile::from_value(socket) {
            Some(io) => Some(HandedOver::Socket(duplicate(ruby, io)?)),
            None if socket.is_nil() => None,
            None => Some(match RArray::from_value(socket) {
                Some(inherited) => HandedOver::Inherited(duplicate(ruby, inherited.entry(0)?)?),
                None => HandedOver::Closed,
            }),
        };
    }
    Ok(())
}

fn duplicate(ruby: &Ruby, io: RFile) -> Result<ListeningSocket, Error> {
    with_descriptor(ruby, io, ListeningSocket::duplicate)?
        .map_err(|message| Error::new(ruby.exception_arg_error(), message))
}
