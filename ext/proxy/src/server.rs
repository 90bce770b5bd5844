//! `Proxy::Native::Server`: one running engine, as a Ruby object.

mod adopt;
mod hand_over;
mod life;
mod orders;
pub(crate) mod steering;
mod traffic;

use std::process;
use std::time::{Duration, Instant};

use magnus::scan_args::scan_args;
use magnus::{function, method, prelude::*, Error, RArray, RModule, Ruby, Value};
use proxy_engine::{Admin, Config, PassedState, StartError, Stats};

use self::life::{Life, Waited};
use crate::blocks::Set;
use crate::gvl::without_gvl;
use crate::{config, error, listeners};

pub(crate) fn init(ruby: &Ruby, native: RModule) -> Result<(), Error> {
    let class = native.define_class("Server", ruby.class_object())?;
    class.undef_default_alloc_func();
    class.define_singleton_method("start", function!(Server::start, -1))?;
    class.define_method("urls", method!(Server::urls, 0))?;
    class.define_method("stats", method!(Server::stats, 0))?;
    class.define_method("certificates", method!(Server::certificates, 0))?;
    class.define_method("renew_certificate", method!(Server::renew_certificate, 1))?;
    class.define_method("set_state", method!(Server::set_state, 2))?;
    class.define_method("set_backends", method!(Server::set_backends, 2))?;
    class.define_method("change_traffic", method!(Server::change_traffic, 2))?;
    class.define_method("change_backend", method!(Server::change_backend, 2))?;
    class.define_method("add_backend", method!(Server::add_backend, 3))?;
    class.define_method("remove_backend", method!(Server::remove_backend, 1))?;
    class.define_method("deploy", method!(Server::deploy, 2))?;
    steering::init(ruby, native)?;
    class.define_method("reload", method!(Server::reload, -1))?;
    class.define_method("reopen_logs", method!(Server::reopen_logs, 0))?;
    class.define_method("note", method!(Server::note, 2))?;
    class.define_method("control_urls", method!(Server::control_urls, 0))?;
    class.define_method("next_order", method!(Server::next_order, 0))?;
    class.define_method("answer_order", method!(Server::answer_order, 3))?;
    class.define_method("takes?", method!(Server::takes, 2))?;
    class.define_method("adopt", method!(Server::adopt, 4))?;
    class.define_method("listening_copies", method!(Server::listening_copies, 0))?;
    class.define_method("control_copies", method!(Server::control_copies, 0))?;
    class.define_method("state_to_pass", method!(Server::state_to_pass, 0))?;
    class.define_method("cancel_hand_over", method!(Server::cancel_hand_over, 0))?;
    class.define_method("begin_hand_over", method!(Server::begin_hand_over, 2))?;
    class.define_method("turns?", method!(Server::turns, 1))?;
    class.define_method("begin_stop", method!(Server::begin_stop, 1))?;
    class.define_method("wait", method!(Server::wait, 1))?;
    class.define_method("stopped?", method!(Server::is_stopped, 0))?;
    class.define_method("drained?", method!(Server::is_drained, 0))?;
    hand_over::init(ruby, native)
}

/// A running engine. It belongs to the process that started it. In a forked child its threads do not exist and a lock
/// may be held for ever, so the child's copy answers without touching the engine.
#[magnus::wrap(class = "Proxy::Native::Server", free_immediately)]
struct Server {
    life: Life,
    pid: u32,
}

impl Server {
    /// `Proxy::Native::Server.start(hash, block_set = nil, listeners = nil, passed = nil)`: starts an engine, and waits
    /// until it has started. `listeners` has for each bind an IO that listens already, or nil; an IO in an Array is
    /// from the process before. `passed` has what that process has told, or nil, and the IOs where it has served the
    /// control API.
    fn start(ruby: &Ruby, arguments: &[Value]) -> Result<Server, Error> {
        let config = with_blocks_and_listeners(ruby, arguments)?;
        let life = Life::begin(config).map_err(|error| error::not_started(ruby, error))?;
        let server = Server { life, pid: process::id() };
        // If an interrupt raises here, `server` is dropped and the engine stops as soon as it has started.
        server.wait_for(ruby, None, Life::wait_started)?;
        match server.life.start_error() {
            Some(error) => Err(error::not_started(ruby, error)),
            None => Ok(server),
        }
    }

    /// `urls`: URLs of all binds.
    fn urls(&self) -> Vec<String> {
        self.owned().map_or_else(Vec::new, Life::urls)
    }

    /// `stats`: a Hash with Symbol keys. A forked child's copy returns the figures of a server that has served nothing.
    fn stats(ruby: &Ruby, server: &Self) -> Result<Value, Error> {
        let stats = server.owned().map_or_else(Stats::default, Life::stats);
        serde_magnus::serialize(ruby, &stats)
    }

    /// `certificates`: an Array of Hashes with Symbol keys. A server that has ended and a forked child's copy have
    /// none.
    fn certificates(ruby: &Ruby, server: &Self) -> Result<Value, Error> {
        let Some(engine) = server.owned().and_then(Life::running) else { return Ok(ruby.ary_new().as_value()) };
        // It may read storage, which may be a Ruby object.
        match without_gvl(|| engine.certificates(), || ())? {
            Ok(certificates) => serde_magnus::serialize(ruby, &certificates),
            Err(payload) => Err(error::panicked(ruby, payload.as_ref())),
        }
    }

    /// `renew_certificate(name)`: raises an `ArgumentError` if there is no such certificate. A server that has ended
    /// and a forked child's copy renew nothing.
    fn renew_certificate(ruby: &Ruby, server: &Self, name: String) -> Result<(), Error> {
        let Some(engine) = server.owned().and_then(Life::running) else { return Ok(()) };
        match without_gvl(|| engine.renew_certificate(&name), || ())? {
            Ok(result) => result.map_err(|message| Error::new(ruby.exception_arg_error(), message)),
            Err(payload) => Err(error::panicked(ruby, payload.as_ref())),
        }
    }

    /// `set_state(target, "ready", "draining" or "down")`: raises an `ArgumentError` if nothing has that name. A server
    /// that has ended and a forked child's copy have no backends.
    fn set_state(ruby: &Ruby, server: &Self, target: String, state: String) -> Result<(), Error> {
        let error = |message: String| Error::new(ruby.exception_arg_error(), message);
        let state = Admin::named(&state).ok_or_else(|| error(format!("{state:?} is not a valid state")))?;
        server
            .owned()
            .map_or(Ok(()), |life| life.set_state(&target, state))
            .map_err(|unknown| error(unknown.to_string()))
    }

    /// `set_backends(upstream, list)`: raises an `ArgumentError` if no upstream has that name, or if the list has
    /// mistakes. A server that has ended and a forked child's copy have no backends.
    fn set_backends(ruby: &Ruby, server: &Self, upstream: String, list: Value) -> Result<(), Error> {
        let backends = config::backends(ruby, list)?;
        let Some(life) = server.owned() else { return Ok(()) };
        // It may read certificates.
        match without_gvl(|| life.set_backends(&upstream, &backends), || ())? {
            Ok(result) => result.map_err(|error| Error::new(ruby.exception_arg_error(), error.to_string())),
            Err(payload) => Err(error::panicked(ruby, payload.as_ref())),
        }
    }

    /// `reload(hash, block_set = nil, listeners = nil)`: raises the same exceptions as `start`, and then leaves
    /// everything unchanged. A server that has ended and a forked child's copy accept no configuration.
    fn reload(ruby: &Ruby, server: &Self, arguments: &[Value]) -> Result<(), Error> {
        let config = with_blocks_and_listeners(ruby, arguments)?;
        let Some(life) = server.owned() else { return Err(error::not_started(ruby, StartError::Stopped)) };
        // A reload waits only for another reload, so there is nothing to interrupt.
        match without_gvl(|| life.reload(&config), || ())? {
            Ok(result) => result.map_err(|error| error::not_started(ruby, error)),
            Err(payload) => Err(error::panicked(ruby, payload.as_ref())),
        }
    }

    /// `reopen_logs`: asks for it, and returns at once.
    fn reopen_logs(&self) {
        if let Some(life) = self.owned() {
            life.reopen_logs();
        }
    }

    /// `begin_stop(seconds or nil)`: begins to stop, and returns at once.
    fn begin_stop(ruby: &Ruby, server: &Self, seconds: Option<f64>) -> Result<(), Error> {
        let limit = duration(ruby, seconds)?;
        if let Some(life) = server.owned() {
            life.begin_stop(limit);
        }
        Ok(())
    }

    /// `wait(seconds or nil)`: `true` once every engine thread has ended. Other Ruby threads run, and signals,
    /// `Thread#kill` and `Timeout` end the wait.
    fn wait(ruby: &Ruby, server: &Self, seconds: Option<f64>) -> Result<bool, Error> {
        let limit = duration(ruby, seconds)?;
        if server.owned().is_none() {
            return Ok(true);
        }
        server.wait_for(ruby, limit, Life::wait_ended)
    }

    /// `stopped?`: whether the engine has ended.
    fn is_stopped(&self) -> bool {
        self.owned().is_none_or(Life::has_ended)
    }

    /// `drained?`: whether everything in flight finished before the end.
    fn is_drained(&self) -> bool {
        self.owned().is_none_or(Life::is_drained)
    }

    /// The engine, or `None` in a fork of the process that started it.
    fn owned(&self) -> Option<&Life> {
        (self.pid == process::id()).then_some(&self.life)
    }

    fn wait_for(
        &self,
        ruby: &Ruby,
        limit: Option<Duration>,
        wait: impl Fn(&Life, Option<Instant>, &life::Waiter) -> Waited + Sync,
    ) -> Result<bool, Error> {
        // A limit too large for a point in time means no limit.
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let life = &self.life;
        loop {
            let waiter = life::Waiter::default();
            match without_gvl(|| wait(life, deadline, &waiter), || life.interrupt(&waiter))? {
                Ok(Waited::Happened) => return Ok(true),
                Ok(Waited::TimedOut) => return Ok(false),
                // A signal handler ran without raising: the wait goes on.
                Ok(Waited::Interrupted) => {}
                Err(payload) => return Err(error::panicked(ruby, payload.as_ref())),
            }
        }
    }
}

impl Drop for Server {
    /// Only signals, since the garbage collector calls this. The thread of [`Life`] outlives this object until the
    /// engine has ended. In a forked child that thread does not exist, and the state it shares is left as it is.
    fn drop(&mut self) {
        if let Some(life) = self.owned() {
            life.abandon();
        }
    }
}

/// The configuration of a Hash, with the blocks that it refers to, the sockets that its binds get, and what the process
/// before has told.
fn with_blocks_and_listeners(ruby: &Ruby, arguments: &[Value]) -> Result<Config, Error> {
    type Passed = Option<Option<(Option<String>, RArray)>>;
    type Optional<'a> = (Option<Option<&'a Set>>, Option<Option<RArray>>, Passed);
    let arguments = scan_args::<(Value,), Optional<'_>, (), (), (), ()>(arguments)?;
    let (blocks, listeners, passed) = arguments.optional;
    let blocks = blocks.flatten().map(Set::take).unwrap_or_default();
    let (state, control) = passed.flatten().map_or((None, None), |(state, control)| (state, Some(control)));
    let passed = state.map(|state| PassedState::new(&state));
    let passed_control = control.map_or_else(|| Ok(Vec::new()), |ios| listeners::all(ruby, ios))?;
    let mut config = Config { blocks, passed, passed_control, ..config::from_hash(ruby, arguments.required.0)? };
    if let Some(listeners) = listeners.flatten() {
        listeners::hand_over(ruby, &mut config, listeners)?;
    }
    Ok(config)
}

pub(crate) fn duration(ruby: &Ruby, seconds: Option<f64>) -> Result<Option<Duration>, Error> {
    let Some(seconds) = seconds else { return Ok(None) };
    Duration::try_from_secs_f64(seconds).map(Some).map_err(|_| {
        let message = format!("{seconds} is not a valid number of seconds: write 0 or more, such as 30");
        Error::new(ruby.exception_arg_error(), message)
    })
}
