//! Hashes to configuration and back.

use magnus::{Error, Ruby, Value};
use proxy_engine::config::{
    Backend, Bind, Config, CustomError, HeaderChanges, HealthCheck, Pool, Problem, Proxy, StaticResponse,
};
use proxy_engine::Server;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

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
    problems(ruby, &Server::check(&config))
}

/// Problems as an Array of Hashes.
pub(crate) fn problems(ruby: &Ruby, problems: &[Problem]) -> Result<Value, Error> {
    serde_magnus::serialize(ruby, problems)
}

/// `Proxy::Native.defaults`: what the engine takes for every option that is left out, by directive.
pub(crate) fn defaults(ruby: &Ruby) -> Result<Value, Error> {
    let defaults = Defaults {
        server: Config::default(),
        bind: Bind { url: Bind::DEFAULT.into(), backlog: None, at: None },
        proxy: Proxy::default(),
        pool: Pool::default(),
        backend: Backend::at(""),
        health_check: HealthCheck::default(),
        static_response: StaticResponse::default(),
        error_response: CustomError::default(),
        request_headers: HeaderChanges::default(),
        response_headers: HeaderChanges::default(),
    };
    serde_magnus::serialize(ruby, &defaults)
}

#[derive(Serialize)]
struct Defaults {
    server: Config,
    bind: Bind,
    proxy: Proxy,
    pool: Pool,
    backend: Backend,
    health_check: HealthCheck,
    static_response: StaticResponse,
    error_response: CustomError,
    request_headers: HeaderChanges,
    response_headers: HeaderChanges,
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
