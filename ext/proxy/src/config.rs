//! Hashes to configuration and back.

use magnus::{Error, Ruby, Value};
use proxy_engine::config::{
    AddressList, AuthApiKey, AuthBasic, AuthJwt, Backend, Bind, Certificate, Config, Cors, CustomError, ForwardAuth,
    HeaderChanges, HealthCheck, Location, LogRequests, MaxBody, Pool, Problem, Proxy, RateLimit, Redirect,
    RedirectToHttps, RewritePath, StaticResponse,
};
use proxy_engine::{Question, Server};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

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
    // It reads every file that is named, and some take their time: other threads go on meanwhile, the one that hears of signals among them.
    match without_gvl(|| Server::check(&config), || ())? {
        Ok(found) => problems(ruby, &found),
        Err(payload) => Err(error::panicked(ruby, payload.as_ref())),
    }
}

/// `Proxy::Native.explain(hash, question)`: what a configuration without mistakes does with a request, and why. A String says what
/// is wrong with the question.
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
    let defaults = Defaults {
        server: Config::default(),
        bind: Bind::default(),
        location: Location::default(),
        proxy: Proxy::default(),
        pool: Pool::default(),
        backend: Backend::at(""),
        certificate: Certificate::default(),
        health_check: HealthCheck::default(),
        static_response: StaticResponse::default(),
        redirect: Redirect::default(),
        error_response: CustomError::default(),
        request_headers: HeaderChanges::default(),
        response_headers: HeaderChanges::default(),
        auth_basic: AuthBasic::default(),
        auth_api_key: AuthApiKey::default(),
        auth_jwt: AuthJwt::default(),
        forward_auth: ForwardAuth::default(),
        rate_limit: RateLimit::default(),
        allow_list: AddressList::default(),
        deny_list: AddressList::default(),
        rewrite: RewritePath::default(),
        max_body: MaxBody::default(),
        cors: Cors::default(),
        log_requests: LogRequests::default(),
        redirect_http_to_https: RedirectToHttps::default(),
    };
    serde_magnus::serialize(ruby, &defaults)
}

#[derive(Serialize)]
struct Defaults {
    server: Config,
    bind: Bind,
    location: Location,
    proxy: Proxy,
    pool: Pool,
    backend: Backend,
    certificate: Certificate,
    health_check: HealthCheck,
    static_response: StaticResponse,
    redirect: Redirect,
    error_response: CustomError,
    request_headers: HeaderChanges,
    response_headers: HeaderChanges,
    auth_basic: AuthBasic,
    auth_api_key: AuthApiKey,
    auth_jwt: AuthJwt,
    forward_auth: ForwardAuth,
    rate_limit: RateLimit,
    allow_list: AddressList,
    deny_list: AddressList,
    rewrite: RewritePath,
    max_body: MaxBody,
    cors: Cors,
    log_requests: LogRequests,
    #[serde(rename = "redirect_http_to_https!")]
    redirect_http_to_https: RedirectToHttps,
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
