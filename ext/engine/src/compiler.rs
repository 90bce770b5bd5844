//! The compiler state for filters and handlers.

mod carry_over;

pub(crate) use carry_over::{CarriedFilters, CarriedOver, Passing};

use std::sync::Arc;

use crate::blocks::BlockSet;
use crate::cache::zones::Zones;
use crate::compile::LocationPath;
use crate::config::Problem;
use crate::request::ClientLimits;
use crate::routing::{CaptureNames, RouteNames};
use crate::upstream::Upstreams;

/// Compiles a configuration and collects its mistakes.
pub(crate) struct Compiler {
    pub(crate) problems: Vec<Problem>,
    pub(crate) limits: ClientLimits,
    /// Whether a log needs the request as the client sent it, after the response.
    pub(crate) keeps_lines: bool,
    /// Names of all captures so far.
    pub(crate) names: CaptureNames,
    /// Names of all locations so far.
    pub(crate) routes: RouteNames,
    /// Names of query parameters that hold keys: no log shows their values.
    pub(crate) secrets: Vec<Box<str>>,
    /// Names of captures of the enclosing locations.
    pub(crate) captures: CapturesAround,
    pub(crate) upstreams: Upstreams,
    /// Memory for stored responses.
    pub(crate) zones: Zones,
    /// The Ruby blocks of the configuration.
    pub(crate) blocks: BlockSet,
    /// The enclosing locations.
    pub(crate) place: LocationPath,
    /// Whether a location answers with metrics.
    pub(crate) shows_metrics: bool,
    /// State of the previous configuration. `None` at the start.
    pub(crate) before: Option<Arc<CarriedOver>>,
    /// State of this configuration, carried over or new.
    pub(crate) carried_over: CarriedOver,
}

/// Captures of the enclosing locations: string rewrites inside can refer to them.
#[derive(Debug, Default)]
pub(crate) struct CapturesAround(Vec<Box<str>>);

impl CapturesAround {
    pub(crate) fn names(&self) -> Vec<&str> {
        self.0.iter().map(|name| &**name).collect()
    }

    /// Number of captures.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds the captures of a location that is entered.
    pub(crate) fn extend(&mut self, names: impl Iterator<Item = Box<str>>) {
        self.0.extend(names);
    }

    /// Keeps the first `len` captures, when a location is left.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }
}
