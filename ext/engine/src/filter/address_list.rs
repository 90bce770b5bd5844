//! Lists of addresses and networks, shared by `allow_list` and `deny_list`.

use std::net::IpAddr;
use std::sync::Arc;

use proxy_http::message::RequestHead;
use serde::{Deserialize, Serialize};

use crate::compile::Report;
use crate::config::{At, ErrorResponseConfig};
use crate::error::{Cause, EndReason};
use crate::networks::Networks;
use crate::request::{Exchange, OwnAnswer, Verdict};
use crate::respond::ErrorResponse;

/// `allow_list "10.0.0.0/8", "::1"` and `deny_list "192.0.2.7"`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AddressListConfig {
    /// Addresses and networks.
    pub networks: Vec<String>,
    /// Response to a refused request. Default: the built-in 403.
    pub error_response: Option<ErrorResponseConfig>,
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
}

/// Addresses and networks, and the response to clients that they refuse.
#[derive(Debug)]
pub(super) struct AddressList {
    pub(super) networks: Networks,
    error_response: Arc<ErrorResponse>,
}

impl AddressList {
    pub(super) fn compile(config: &AddressListConfig, report: &mut Report<'_>) -> Self {
        if config.networks.is_empty() {
            report.error("names no address: write one such as \"192.0.2.7\", \"10.0.0.0/8\" or \"fd00::/8\"");
        }
        Self {
            networks: Networks::compile(&config.networks, report),
            error_response: ErrorResponse::compile(config.error_response.as_ref(), Cause::Forbidden.status(), report),
        }
    }

    /// Whether the address is listed. A client of a unix socket has no address, and so is on no list.
    pub(super) fn lists(&self, address: Option<IpAddr>) -> bool {
        address.is_some_and(|address| self.networks.contains(address))
    }

    /// The answer to a client that is refused, for a preview.
    pub(super) fn refusal(&self, request: &RequestHead) -> OwnAnswer {
        OwnAnswer::error(&self.error_response, request)
    }

    /// Answers a client that is refused.
    pub(super) async fn refuse(&self, exchange: &mut Exchange<'_>) -> Verdict {
        exchange.refuse(EndReason::Denied, &self.error_response).await
    }
}

#[cfg(test)]
mod tests;
