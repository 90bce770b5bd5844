//! Hand-over to another process: `Proxy::Native::Server#listening_copies`, `#control_copies`, `#state_to_pass`,
//! `#cancel_hand_over`, `#begin_hand_over` and `#turns?`.

use std::cell::RefCell;
use std::os::fd::RawFd;
use std::time::Duration;

use magnus::{method, prelude::*, Error, RModule, Ruby};
use proxy_engine::ListeningSocket;

use super::{duration, Life, Server};
use crate::error;
use crate::gvl::without_gvl;

/// Copies of listening sockets, until they are closed or collected. A child of `fork` does not get them.
#[magnus::wrap(class = "Proxy::Native::ListeningCopies", free_immediately)]
pub(super) struct ListeningCopies(RefCell<Vec<(String, ListeningSocket)>>);

pub(super) fn init(ruby: &Ruby, native: RModule) -> Result<(), Error> {
    let class = native.define_class("ListeningCopies", ruby.class_object())?;
    class.undef_default_alloc_func();
    class.define_method("to_a", method!(ListeningCopies::to_a, 0))?;
    class.define_method("close", method!(ListeningCopies::close, 0))
}

impl ListeningCopies {
    /// `to_a`: for each socket the URL of its bind, and the number of its descriptor.
    fn to_a(&self) -> Vec<(String, RawFd)> {
        self.0.borrow().iter().map(|(url, socket)| (url.clone(), socket.number())).collect()
    }

    /// `close`: closes them.
    fn close(&self) {
        self.0.borrow_mut().clear();
    }
}

impl Server {
    /// `listening_copies`: a copy of each listening socket, in the order of the binds. A server that has ended and a
    /// forked child's copy have none.
    pub(super) fn listening_copies(ruby: &Ruby, server: &Self) -> Result<ListeningCopies, Error> {
        let Some(engine) = server.owned().and_then(Life::running) else {
            return Ok(ListeningCopies(RefCell::default()));
        };
        match without_gvl(|| engine.listening_copies(), || ())? {
            Ok(copies) => Ok(ListeningCopies(RefCell::new(copies))),
            Err(payload) => Err(error::panicked(ruby, payload.as_ref())),
        }
    }

    /// `control_copies`: the same of the sockets where the control API is served.
    pub(super) fn control_copies(&self) -> ListeningCopies {
        let copies = self.owned().and_then(Life::running).map(|engine| engine.control_copies());
        ListeningCopies(RefCell::new(copies.unwrap_or_default()))
    }

    /// `state_to_pass`: JSON for the fourth argument of `start` in another process. It has secrets. Changes at
    /// run time are refused from then on. Nil from a server that has ended and from a forked child's copy.
    pub(super) fn state_to_pass(&self) -> Option<String> {
        let engine = self.owned().and_then(Life::running)?;
        Some(engine.state_to_pass().as_str().to_owned())
    }

    /// `cancel_hand_over`: takes changes at run time again, since the other process does not come to serve.
    pub(super) fn cancel_hand_over(&self) {
        if let Some(engine) = self.owned().and_then(Life::running) {
            engine.cancel_hand_over();
        }
    }

    /// `begin_hand_over(seconds or nil, closing)`: begins to leave everything to another process, and returns as soon
    /// as nothing is accepted here.
    /// `closing` has the places of sockets among `listening_copies` that the other process does not use.
    pub(super) fn begin_hand_over(
        ruby: &Ruby,
        server: &Self,
        seconds: Option<f64>,
        closing: Vec<usize>,
    ) -> Result<(), Error> {
        let limit = duration(ruby, seconds)?;
        let Some(engine) = server.owned().and_then(Life::running) else { return Ok(()) };
        match without_gvl(|| engine.begin_hand_over(limit, &closing), || ())? {
            Ok(()) => Ok(()),
            Err(payload) => Err(error::panicked(ruby, payload.as_ref())),
        }
    }

    /// `turns?(seconds)`: whether every engine thread has turned within so many seconds.
    pub(super) fn turns(ruby: &Ruby, server: &Self, seconds: f64) -> Result<bool, Error> {
        let limit = duration(ruby, Some(seconds))?.unwrap_or(Duration::ZERO);
        let Some(engine) = server.owned().and_then(Life::running) else { return Ok(true) };
        match without_gvl(|| engine.turns(limit), || ())? {
            Ok(turns) => Ok(turns),
            Err(payload) => Err(error::panicked(ruby, payload.as_ref())),
        }
    }
}
