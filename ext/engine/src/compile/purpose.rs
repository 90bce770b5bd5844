//! Purpose of compiling a configuration.

/// Purpose of compiling a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Only to report mistakes.
    Check,
    /// To run a server with it.
    Start,
}
