//! Checks that all parts of a configuration share. [`Report`] collects mistakes, with one check and one wording for
//! each kind of value.

mod excluded_path;
mod host;
pub(crate) mod place;
mod purpose;
mod report;
mod value;

pub(crate) use excluded_path::ExcludedPath;
pub(crate) use host::check_host;
pub(crate) use place::LocationPath;
pub(crate) use purpose::Purpose;
pub(crate) use report::Report;
pub(crate) use value::TEN_YEARS;

/// Directives with a name: filters and handlers.
pub(crate) trait Word {
    /// Name of the directive in the configuration.
    const WORD: &'static str;
}
