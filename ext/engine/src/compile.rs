//! What every part of a configuration is checked with: [`report`] collects what is wrong, [`value`] has one check, and one
//! wording, for each kind of value.

mod report;
mod value;

pub(crate) use report::Report;
pub(crate) use value::TEN_YEARS;

/// What has a name in the configuration: a filter or a handler.
pub(crate) trait Word {
    /// The word as it is written there.
    const WORD: &'static str;
}
