//! What the index of a scope finds.

/// One way into a location: one of its patterns with one of its hosts. They are in the order in which they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) location: u32,
    pub(super) pattern: u32,
    pub(super) host: u32,
    /// Whether the pattern has still to be looked at: the table said only where the path stands.
    pub(super) check_pattern: bool,
    /// The same for the host.
    pub(super) check_host: bool,
}
