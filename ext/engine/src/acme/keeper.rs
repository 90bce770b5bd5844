//! Who orders when: keeps every written name in a certificate, and answers demands for others.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::directive::Acme;
use crate::certificates::managed::ManagedSettings;
use crate::log::Log;

/// A running keeper. It goes on through reloads, with another [`Acme`].
#[derive(Debug, Default, Clone)]
pub(crate) struct Keeper(Arc<()>);

impl Keeper {
    /// Keeps the certificates of this configuration from now on, in place of those before.
    pub(crate) fn keep(&self, acme: Option<&Arc<Acme>>, runtime: &Handle, log: &Arc<Log>) {
        let Some(acme) = acme else { return };
        let subjects: Vec<_> =
            acme.wanted.iter().map(|wanted| ((*wanted.subject).into(), wanted.names.clone())).collect();
        let settings = ManagedSettings {
            subjects: &subjects,
            storage: Arc::clone(&acme.storage),
            cache: acme.cache,
            demands: None,
            background: runtime,
            log,
        };
        acme.certificates.configure(&settings);
    }
}
