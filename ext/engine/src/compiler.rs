//! What filters and handlers are compiled with.

mod filter_states;

pub(crate) use filter_states::FilterStates;

use std::sync::Arc;

use crate::compile::Place;
use crate::config::Problem;
use crate::request::ClientLimits;
use crate::routing::CaptureNames;
use crate::upstream::{Made, Upstreams};

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
    pub(crate) place: Place,
    /// What lasts of the configuration before.
    pub(crate) before: Option<Arc<Lasting>>,
    /// What will last of this one.
    pub(crate) lasting: Lasting,
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

/// What a configuration made that has a state. The next one takes over what it would make in the same way.
#[derive(Debug, Default)]
pub(crate) struct Lasting {
    /// Sets of backends.
    pub(crate) upstreams: Arc<Made>,
    /// What filters counted and found out.
    pub(crate) filters: FilterStates,
}
