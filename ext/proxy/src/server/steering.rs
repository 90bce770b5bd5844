//! Changes of backends at run time, and deploys.

use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use magnus::{method, prelude::*, Error, IntoValue, RModule, Ruby, Value};
use proxy_engine::config::BackendConfig;
use proxy_engine::{Admin, BackendChange, DeployConfig, DeployRun, SteeringError};

use super::{Life, Server};
use crate::gvl::without_gvl;
use crate::{config, error};

pub(super) fn init(ruby: &Ruby, native: RModule) -> Result<(), Error> {
    let class = native.define_class("Deploy", ruby.class_object())?;
    class.undef_default_alloc_func();
    class.define_method("next", method!(Deploy::next, 0))?;
    class.define_method("abort", method!(Deploy::abort, 0))?;
    Ok(())
}

impl Server {
    /// `change_backend(target, change)`: raises an `ArgumentError` if nothing has that name, or if something is wrong.
    /// A server that has ended and a forked child's copy have no backends.
    pub(super) fn change_backend(ruby: &Ruby, server: &Self, target: String, change: Value) -> Result<(), Error> {
        let change: BackendChange = config::options(ruby, change)?;
        let Some(engine) = server.owned().and_then(Life::running) else { return Ok(()) };
        steered(ruby, without_gvl(|| engine.change_backend(&target, &change, None), || ())?).map(drop)
    }

    /// `add_backend(upstream, [backend], state or nil)`: raises an `ArgumentError` as `change_backend` does.
    pub(super) fn add_backend(
        ruby: &Ruby,
        server: &Self,
        upstream: String,
        list: Value,
        state: Option<String>,
    ) -> Result<(), Error> {
        let backends: Vec<BackendConfig> = config::backends(ruby, list)?;
        let state = state.as_deref().map(|name| {
            let unknown = || format!("state: {name:?} is unknown: write \"ready\", \"draining\" or \"down\"");
            Admin::named(name).ok_or_else(|| Error::new(ruby.exception_arg_error(), unknown()))
        });
        let state = state.transpose()?;
        let Some(engine) = server.owned().and_then(Life::running) else { return Ok(()) };
        for backend in &backends {
            // It may read certificates.
            steered(ruby, without_gvl(|| engine.add_backend(&upstream, backend, state, None), || ())?)?;
        }
        Ok(())
    }

    /// `remove_backend(target)`: raises an `ArgumentError` as `change_backend` does.
    pub(super) fn remove_backend(ruby: &Ruby, server: &Self, target: String) -> Result<(), Error> {
        let Some(engine) = server.owned().and_then(Life::running) else { return Ok(()) };
        steered(ruby, without_gvl(|| engine.remove_backend(&target, None), || ())?).map(drop)
    }

    /// `deploy(upstream, options)`: begins a deploy. Raises an `ArgumentError` as `change_backend` does. nil: the
    /// server has ended, or belongs to another process.
    pub(super) fn deploy(
        ruby: &Ruby,
        server: &Self,
        upstream: String,
        options: Value,
    ) -> Result<Option<Deploy>, Error> {
        let options: DeployConfig = config::options(ruby, options)?;
        let Some(engine) = server.owned().and_then(Life::running) else { return Ok(None) };
        let run = steered(ruby, without_gvl(|| engine.deploy(&upstream, &options), || ())?)?;
        Ok(Some(Deploy { run: Mutex::new(Some(run)) }))
    }
}

/// What has become of a change.
fn steered<T>(ruby: &Ruby, done: std::thread::Result<Result<T, SteeringError>>) -> Result<T, Error> {
    match done {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(SteeringError::Stopped)) => Err(error::not_started(ruby, proxy_engine::StartError::Stopped)),
        Ok(Err(wrong)) => Err(Error::new(ruby.exception_arg_error(), wrong.to_string())),
        Err(payload) => Err(error::panicked(ruby, payload.as_ref())),
    }
}

/// A deploy that runs. It is given up if this is freed before the new backends serve.
#[magnus::wrap(class = "Proxy::Native::Deploy", free_immediately)]
pub(super) struct Deploy {
    run: Mutex<Option<DeployRun>>,
}

impl Deploy {
    /// `next`: the next event as a Hash with Symbol keys; nil if there is none yet, false after the last.
    fn next(ruby: &Ruby, deploy: &Self) -> Result<Value, Error> {
        let mut run = deploy.run.lock().unwrap_or_else(PoisonError::into_inner);
        match run.as_mut().map(DeployRun::try_next) {
            Some(ControlFlow::Continue(Some(event))) => serde_magnus::serialize(ruby, &event),
            Some(ControlFlow::Continue(None)) => Ok(ruby.qnil().as_value()),
            Some(ControlFlow::Break(())) | None => Ok(false.into_value_with(ruby)),
        }
    }

    /// `abort`: gives the deploy up, if the new backends do not serve yet.
    fn abort(&self) {
        drop(self.run.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}
