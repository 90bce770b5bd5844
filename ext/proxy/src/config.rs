//! Hashes to configuration and back.

use magnus::{Error, Ruby, Value};
use proxy_engine::config::Problem;
use proxy_engine::configuration::Defaults;
use proxy_engine::{Config, Question, Server};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::error;
use crate::gvl::without_gvl;

/// Reads the Hash that `lib/proxy` built. `lib/proxy` has checked every name and type, so a Hash that does not fit is
/// raised as an `ArgumentError` that says where: it is a mistake in the gem, not in a person's configuration.
pub(crate) fn from_hash(ruby: &Ruby, hash: Value) -> Result<Config, Error> {
    let config: Traced<Config> = serde_magnus::deserialize(ruby, hash)
        .map_err(|error| Error::new(ruby.exception_arg_error(), format!("the configuration does not fit: {error}")))?;
    Ok(config.0)
}

/// `Proxy::Native.check(hash)`: every mistake and warning that only the engine can see, in the order of the file.
pub(crate) fn check(ruby: &Ruby, hash: Value) -> Result<Value, Error> {
    let config = from_hash(ruby, hash)?;
    // It reads every file that is named, and some take their time: other threads go on meanwhile, the one that hears of
    // signals among them.
    match without_gvl(|| Server::check(&config), || ())? {
        Ok(found) => problems(ruby, &found),
        Err(payload) => Err(error::panicked(ruby, payload.as_ref())),
    }
}

/// `Proxy::Native.explain(hash, question)`: what a configuration without mistakes does with a request, and why. A
/// String says what is wrong with the question.
pub(crate) fn explain(ruby: &Ruby, hash: Value, question: Value) -> Result<Value, Error> {
    let config = from_hash(ruby, hash)?;
    let question: Traced<Question> = serde_magnus::deserialize(ruby, question)
        .map_err(|error| Error::new(ruby.exception_arg_error(), format!("the question does not fit: {error}")))?;
    match proxy_engine::explain(&config, &question.0) {
        Ok(explanation) => serde_magnus::serialize(ruby, &explanation),
        Err(message) => serde_magnus::serialize(ruby, &message),
    }
}

/// Problems as an Array of Hashes.
pub(crate) fn problems(ruby: &Ruby, problems: &[Problem]) -> Result<Value, Error> {
    serde_magnus::serialize(ruby, problems)
}

/// `Proxy::Native.defaults`: what the engine takes for every option that is left out, by directive.
pub(crate) fn defaults(ruby: &Ruby) -> Result<Value, Error> {
    serde_magnus::serialize(ruby, &Defaults)
}

/// Any value, with the path to the part that does not fit in the error.
struct Traced<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Traced<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_path_to_error::deserialize(deserializer)
            .map(Traced)
            .map_err(|error| D::Error::custom(format_args!("{}: {}", error.path(), error.inner())))
    }
}
