//! What filters and handlers are compiled with.

mod carry_over;

pub(crate) use carry_over::{CarriedFilters, CarriedOver};

use std::sync::Arc;

use crate::compile::LocationPath;
use crate::config::Problem;
use crate::request::ClientLimits;
use crate::routing::CaptureNames;
use crate::upstream::Upstreams;

/// Compiles a configuration and collects what is wrong with it.
pub(crate) struct Compiler {
    pub(crate) problems: Vec<Problem>,
    pub(crate) limits: ClientLimits,
    /// Whether a filter will ask what the client sent, once the request has been answered.
    pub(crate) keeps_lines: bool,
    /// The names of all captures so far.
    pub(crate) names: CaptureNames,
    /// Those of the locations around what is being compiled.
    pub(crate) captures: CapturesAround,
    pub(crate) upstreams: Upstreams,
    /// The locations around it.
    pub(crate) place: LocationPath,
    /// State of the configuration before. `None` at the start.
    pub(crate) before: Option<Arc<CarriedOver>>,
    /// State of this configuration, carried over or new.
    pub(crate) carried_over: CarriedOver,
}

/// Names that the locations around a place capture: string rewrites there can refer to them.
#[derive(Debug, Default)]
pub(crate) struct CapturesAround(Vec<Box<str>>);

impl CapturesAround {
    /// Every name.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.0.iter().map(|name| &**name).collect()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds those of a location that is entered.
    pub(crate) fn extend(&mut self, names: impl Iterator<Item = Box<str>>) {
        self.0.extend(names);
    }

    /// Keeps the first `len`: a location is left.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }
}
