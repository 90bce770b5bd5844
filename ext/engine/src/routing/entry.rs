//! Entries of a scope's index.

/// One way into a location: one of its patterns with one of its hosts. The order of entries is the order in which they
/// are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) location: u32,
    pub(super) pattern: u32,
    pub(super) host: u32,
    /// Whether the pattern must still be checked: the table only knows the start of the path.
    pub(super) check_pattern: bool,
    /// Whether the host must still be checked.
    pub(super) check_host: bool,
}
