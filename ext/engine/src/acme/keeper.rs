//! Who orders when: keeps every written name in a certificate, and answers demands for others.

use std::sync::Arc;

use crate::config::At;

/// A name that is written in the configuration, where a certificate is wanted.
#[derive(Debug, Clone)]
pub(crate) struct WrittenName {
    /// Lower case, as in `example.com` or `*.example.com`.
    pub(crate) name: Box<str>,
    /// Line that names it.
    pub(crate) at: Option<At>,
}

/// A compiled `acme` directive.
#[derive(Debug)]
pub(crate) struct Acme;

/// A running keeper. It goes on through reloads, with another [`Acme`].
#[derive(Debug, Default, Clone)]
pub(crate) struct Keeper(Arc<()>);
