//! What outlives a configuration: the state of everything that is the same in the next one.

use std::sync::Arc;

use crate::filter::{Known, Verifications};
use crate::upstream::Made;

/// What a configuration made that has a state. The next one takes over what it would make in the same way.
#[derive(Debug, Default)]
pub(crate) struct Lasting {
    /// Sets of backends.
    pub(crate) upstreams: Made,
    /// What filters counted and found out.
    pub(crate) filters: Known,
    /// What all filters that verify passwords share.
    pub(crate) verifications: Arc<Verifications>,
}
