//! What everything that checks a configuration has in common: [`Report`] collects what is wrong, with one check, and
//! one wording, for each kind of value.

mod host;
pub(crate) mod place;
mod purpose;
mod report;
mod value;

pub(crate) use host::check_host;
pub(crate) use place::LocationPath;
pub(crate) use purpose::Purpose;
pub(crate) use report::Report;
pub(crate) use value::TEN_YEARS;

/// What has a name in the configuration: a filter or a handler.
pub(crate) trait Word {
    /// The word as it is written there.
    const WORD: &'static str;
}
