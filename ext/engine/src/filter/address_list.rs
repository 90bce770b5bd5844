//! `allow_list` and `deny_list`: who may ask at all.

use std::sync::Arc;

use crate::compiler::Compiler;
use crate::config::{self, Problem};
use crate::error::Cause;
use crate::networks::Networks;
use crate::request::{Exchange, Verdict};
use crate::respond::ErrorResponse;

/// A list of addresses and networks, and what being on it means.
#[derive(Debug)]
pub(crate) struct AddressList {
    networks: Networks,
    /// Whether those who are on it may pass, or those who are not.
    allows: bool,
    error_response: Arc<ErrorResponse>,
}

impl AddressList {
    /// Checks an `allow_list`. `None` if it is wrong.
    pub(super) fn of_allowed(spec: &config::AddressList, compiler: &mut Compiler) -> Option<Self> {
        Self::compile("allow_list", true, spec, compiler)
    }

    /// Checks a `deny_list`. `None` if it is wrong.
    pub(super) fn of_denied(spec: &config::AddressList, compiler: &mut Compiler) -> Option<Self> {
        Self::compile("deny_list", false, spec, compiler)
    }

    fn compile(
        directive: &'static str,
        allows: bool,
        spec: &config::AddressList,
        compiler: &mut Compiler,
    ) -> Option<Self> {
        let at = spec.at.as_ref();
        let before = compiler.error_count();
        let problems = &mut compiler.problems;
        let mut error = |message: String| problems.push(Problem::error(at, directive, message));
        if spec.networks.is_empty() {
            error("names no address: write one such as \"192.0.2.7\", \"10.0.0.0/8\" or \"fd00::/8\"".into());
        }
        let networks = Networks::compile(&spec.networks, &mut error);
        if let Some(all) = networks.everybody().filter(|_| allows) {
            let message =
                format!("\"{all}\" lets everybody pass: write only the addresses that may, or leave the line out");
            problems.push(Problem::warning(at, directive, message));
        }
        let error_response =
            ErrorResponse::compile(spec.error_response.as_ref(), Cause::Forbidden.status(), at, directive, problems);
        (compiler.error_count() == before).then_some(Self { networks, allows, error_response })
    }

    /// Lets the request pass, or refuses it. A client of a unix socket has no address, and so is on no list.
    pub(super) async fn admit(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        let listed = exchange.link.ip.is_some_and(|address| self.networks.contains(address));
        match listed == self.allows {
            true => None,
            false => Some(exchange.answer_error(&self.error_response).await),
        }
    }
}
