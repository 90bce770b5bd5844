//! Failures of the engine, as Ruby exceptions.

use std::any::Any;

use magnus::{prelude::*, Error, ExceptionClass, Ruby, Value};
use proxy_engine::config::Problem;
use proxy_engine::StartError;

use crate::config;

/// The exception for a server that did not start or did not accept a reload: `Proxy::ConfigurationError`,
/// `Proxy::BindError` or `Proxy::Error`.
pub(crate) fn not_started(ruby: &Ruby, error: StartError) -> Error {
    let raised = match error {
        StartError::Configuration(problems) => configuration(ruby, &problems),
        StartError::Bind(problem) => bind(ruby, &problem),
        StartError::System(error) => {
            class(ruby, "Error").map(|class| Error::new(class, format!("the proxy cannot run: {error}")))
        }
        StartError::Stopped => class(ruby, "Error")
            .map(|class| Error::new(class, "the server has stopped, or is about to: start another one")),
    };
    raised.unwrap_or_else(|error| error)
}

/// The exception for a panic in the engine, which is a mistake in the gem.
pub(crate) fn panicked(ruby: &Ruby, payload: &(dyn Any + Send)) -> Error {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    class(ruby, "Error").map_or_else(|error| error, |class| Error::new(class, format!("the engine panicked: {text}")))
}

fn configuration(ruby: &Ruby, problems: &[Problem]) -> Result<Error, Error> {
    let problems = config::problems(ruby, problems)?;
    raise(ruby, "ConfigurationError", problems)
}

fn bind(ruby: &Ruby, problem: &Problem) -> Result<Error, Error> {
    let problems = config::problems(ruby, std::slice::from_ref(problem))?;
    raise(ruby, "BindError", problems)
}

/// An exception of the class `name` that holds problems.
fn raise(ruby: &Ruby, name: &str, problems: Value) -> Result<Error, Error> {
    let exception: magnus::Exception = class(ruby, name)?.funcall("from_native", (problems,))?;
    Ok(Error::from(exception))
}

fn class(ruby: &Ruby, name: &str) -> Result<ExceptionClass, Error> {
    ruby.define_module("Proxy")?.const_get(name)
}
