//! Changes of the traffic: `Proxy::Native::Server#change_traffic`.

use magnus::{Error, Ruby};

use super::{Life, Server};
use crate::error;
use crate::gvl::without_gvl;

impl Server {
    /// `change_traffic(name, json)`: carries out `pause`, `resume`, `maintenance`, `rollout` or `purge`, and returns
    /// what is to be told, in JSON. Raises an `ArgumentError` if no upstream has the name in it, or if something else
    /// is wrong. A server that has ended and a forked child's copy change nothing.
    pub(super) fn change_traffic(ruby: &Ruby, server: &Self, name: String, json: String) -> Result<String, Error> {
        let Some(engine) = server.owned().and_then(Life::running) else { return Ok("{}".into()) };
        // A purge waits for disks.
        match without_gvl(|| engine.change_traffic_by_text(&name, &json), || ())? {
            Ok(told) => told.map_err(|message| Error::new(ruby.exception_arg_error(), message)),
            Err(payload) => Err(error::panicked(ruby, payload.as_ref())),
        }
    }
}
