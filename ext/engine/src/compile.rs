//! What everything that checks a configuration has in common.

mod host;
pub(crate) mod place;
mod purpose;
mod value;

pub(crate) use host::check_host;
pub(crate) use place::Place;
pub(crate) use purpose::Purpose;
pub(crate) use value::seconds;
