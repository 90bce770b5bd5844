//! Conversion between Ruby Hashes and the engine's configuration.

use magnus::{Error, Ruby, Value};
use proxy_engine::config::{BackendConfig, Problem};
use proxy_engine::configuration::Defaults;
use proxy_engine::{Config, Question, Server};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::error;
use crate::gvl::without_gvl;

/// Reads the Hash that `lib/proxy` built. `lib/proxy` has checked every name and type, so a Hash that does not fit is a
/// mistake in the gem, not in a person's configuration. It raises an `ArgumentError` that says where the mistake is.
pub(crate) fn from_hash(ruby: &Ruby, hash: Value) -> Result<Config, Error> {
    let config: Traced<Config> = serde_magnus::deserialize(ruby, hash)
        .map_err(|error| Error::new(ruby.exception_arg_error(), format!("the configuration does not fit: {error}")))?;
    Ok(config.0)
}

/// Reads backends that `lib/proxy` has checked.
pub(crate) fn backends(ruby: &Ruby, list: Value) -> Result<Vec<BackendConfig>, Error> {
    let list: Traced<Vec<BackendConfig>> = serde_magnus::deserialize(ruby, list)
        .map_err(|error| Error::new(ruby.exception_arg_error(), format!("the backends do not fit: {error}")))?;
    Ok(list.0)
}

/// Reads options whose names `lib/proxy` has checked.
pub(crate) fn options<T: for<'de> Deserialize<'de>>(ruby: &Ruby, options: Value) -> Result<T, Error> {
    let options: Traced<T> = serde_magnus::deserialize(ruby, options)
        .map_err(|error| Error::new(ruby.exception_arg_error(), format!("the options do not fit: {error}")))?;
    Ok(options.0)
}

/// `Proxy::Native.check(hash)`: every mistake and warning that only the engine can see, in the order of the file.
pub(crate) fn check(ruby: &Ruby, hash: Value) -> Result<Value, Error> {
    let config = from_hash(ruby, hash)?;
    // The check reads every named file, and some files take time. Meanwhile other Ruby threads run, among them the one
    // that handles signals.
    match without_gvl(|| Server::check(&config), || ())? {
        Ok(found) => problems(ruby, &found),
        Err(payload) => Err(error::panicked(ruby, payload.as_ref())),
    }
}

/// `Proxy::Native.explain(hash, question)`: what a valid configuration does with a request, and why. A String is a
/// message about a mistake in the question.
pub(crate) fn explain(ruby: &Ruby, hash: Value, question: Value) -> Result<Value, Error> {
    let config = from_hash(ruby, hash)?;
    let question: Traced<Question> = serde_magnus::deserialize(ruby, question)
        .map_err(|error| Error::new(ruby.exception_arg_error(), format!("the question does not fit: {error}")))?;
    match proxy_engine::explain(&config, &question.0) {
        Ok(explanation) => serde_magnus::serialize(ruby, &explanation),
        Err(message) => serde_magnus::serialize(ruby, &message),
    }
}

pub(crate) fn problems(ruby: &Ruby, problems: &[Problem]) -> Result<Value, Error> {
    serde_magnus::serialize(ruby, problems)
}

/// `Proxy::Native.defaults`: the engine's default of every option, by directive.
pub(crate) fn defaults(ruby: &Ruby) -> Result<Value, Error> {
    serde_magnus::serialize(ruby, &Defaults)
}

/// Any value. An error contains the path to the part that does not fit.
struct Traced<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Traced<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_path_to_error::deserialize(deserializer)
            .map(Traced)
            .map_err(|error| D::Error::custom(format_args!("{}: {}", error.path(), error.inner())))
    }
}
