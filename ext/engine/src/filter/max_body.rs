//! `max_body`: how long the body of a request may be.

use std::sync::Arc;

use crate::compiler::Compiler;
use crate::config::{self, Problem};
use crate::error::Cause;
use crate::request::BodyLimit;
use crate::respond::ErrorResponse;

/// Checks the directive. `None` if it is wrong.
pub(super) fn compile(spec: &config::MaxBody, compiler: &mut Compiler) -> Option<Arc<BodyLimit>> {
    let at = spec.at.as_ref();
    let problems = &mut compiler.problems;
    let bytes = match spec.bytes {
        None => Err("the value is missing: write a number of bytes, such as 1_048_576".into()),
        Some(bytes) => u64::try_from(bytes).map_err(|_| format!("{bytes} is negative: write a number of bytes")),
    };
    let bytes = bytes.map_err(|message: String| problems.push(Problem::error(at, "max_body", message))).ok();
    let before = compiler.error_count();
    let error_response = ErrorResponse::compile(
        spec.error_response.as_ref(),
        Cause::BodyTooLong.status(),
        at,
        "max_body",
        &mut compiler.problems,
    );
    let bytes = bytes.filter(|_| compiler.error_count() == before)?;
    Some(BodyLimit::new(bytes, error_response))
}
