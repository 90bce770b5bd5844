//! `etag`: an entity tag for small responses that have none, and a 304 for clients that know it.

use serde::{Deserialize, Serialize};

use super::Filtering;
use crate::compiler::Compiler;
use crate::config::At;
use crate::request::{Exchange, Verdict};

/// `etag`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct EtagConfig {
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
}

/// An `etag` directive, compiled. The tag is made where the body of the response is at hand.
#[derive(Debug)]
pub(crate) struct Etag;

impl Filtering for Etag {
    type Config = EtagConfig;

    fn compile(_: &EtagConfig, _: &mut Compiler) -> Option<Self> {
        Some(Self)
    }

    async fn admit(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        exchange.tags = true;
        None
    }
}
