//! Orders of the control API, which a Ruby thread carries out: `Proxy::Native::Server#next_order` and `#answer_order`.

use magnus::{Error, RArray, Ruby};
use proxy_engine::OrderWaiter;

use super::{Life, Server};
use crate::error;
use crate::gvl::without_gvl;

impl Server {
    /// `note(name, json)`: notes what `GET /status` says under that name: `file`, `warnings` or `reload`. A server that
    /// has ended and a forked child's copy note nothing.
    pub(super) fn note(ruby: &Ruby, server: &Self, name: String, json: String) -> Result<(), Error> {
        let noted = server.owned().and_then(Life::running).map_or(Ok(()), |engine| engine.note(&name, &json));
        noted.map_err(|message| Error::new(ruby.exception_arg_error(), message))
    }

    /// `control_urls`: where the control API is served.
    pub(super) fn control_urls(&self) -> Vec<String> {
        self.owned().and_then(Life::running).map_or_else(Vec::new, |engine| engine.control_urls())
    }

    /// `next_order`: waits for an order, while other Ruby threads run. Returns its number, its name and its body in
    /// JSON; nil once there will be none.
    pub(super) fn next_order(ruby: &Ruby, server: &Self) -> Result<Option<RArray>, Error> {
        loop {
            let Some(engine) = server.owned().and_then(Life::running) else { return Ok(None) };
            let waiter = OrderWaiter::default();
            match without_gvl(|| engine.next_order(&waiter), || engine.interrupt_order(&waiter))? {
                Ok(Ok(None)) => return Ok(None),
                Ok(Ok(Some(order))) => {
                    let taken = ruby.ary_new_capa(3);
                    taken.push(order.id)?;
                    taken.push(order.name)?;
                    taken.push(order.body)?;
                    return Ok(Some(taken));
                }
                // A signal handler ran without raising: the wait goes on.
                Ok(Err(())) => {}
                Err(payload) => return Err(error::panicked(ruby, payload.as_ref())),
            }
        }
    }

    /// `answer_order(id, status, json)`: answers an order. Nothing happens if nobody waits for the answer any more.
    pub(super) fn answer_order(ruby: &Ruby, server: &Self, id: u64, status: u16, json: String) -> Result<(), Error> {
        let answered =
            server.owned().and_then(Life::running).map_or(Ok(()), |engine| engine.answer_order(id, status, &json));
        answered.map_err(|message| Error::new(ruby.exception_arg_error(), message))
    }
}
