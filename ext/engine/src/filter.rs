//! What lets a request pass, changed or not, or refuses it.

pub(crate) mod auth_basic;
pub(crate) mod shown;
