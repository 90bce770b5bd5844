//! Why a configuration is compiled.

/// What a configuration is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To say what is wrong with it.
    Check,
    /// To serve with it.
    Start,
}
