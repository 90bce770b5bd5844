//! What goes into a choice, and what comes of it.

use std::sync::Arc;

use super::sticky::Tag;
use crate::upstream::backend::Backend;

/// What a policy wants to know of a request. Most want nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Affinity {
    /// Any backend will do.
    #[default]
    None,
    /// The hash of what decides.
    Key(u64),
    /// The cookie that names the client's backend.
    Cookie(Tag),
}

/// What a balancer says.
#[derive(Debug)]
pub enum Choice {
    /// Try this one.
    Backend(Arc<Backend>),
    /// Every backend that is available has all the requests it may have at once.
    Busy,
    /// No backend is available.
    None,
}

impl Choice {
    /// The backend, if there is one.
    pub fn backend(self) -> Option<Arc<Backend>> {
        match self {
            Self::Backend(backend) => Some(backend),
            Self::Busy | Self::None => None,
        }
    }
}
