//! Affinity of a request to a backend, and the result of a choice.

use std::sync::Arc;

use super::sticky::Tag;
use crate::upstream::backend::Backend;

/// What a request says of the backend that it belongs to. Most policies ask nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Affinity {
    /// Any backend will do.
    #[default]
    None,
    /// Hash of the value that decides (consistent hashing).
    Key(u64),
    /// The cookie that names the client's backend (sticky session).
    Cookie(Tag),
}

/// Result of a choice.
#[derive(Debug)]
pub(crate) enum Choice {
    /// Ask this backend.
    Backend(Arc<Backend>),
    /// Every backend that is available has all the requests it may have at once.
    Busy,
    /// No backend is available.
    None,
}

impl Choice {
    /// The backend, if there is one.
    pub(crate) fn backend(self) -> Option<Arc<Backend>> {
        match self {
            Self::Backend(backend) => Some(backend),
            Self::Busy | Self::None => None,
        }
    }
}
