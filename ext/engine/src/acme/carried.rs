//! What of certificates goes on through reloads.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::directive::Acme;
use super::keeper::Keeper;
use super::stapling::Stapler;
use crate::certificates::managed::ManagedCertificates;
use crate::events::EventHub;
use crate::log::Log;

/// Certificates in memory, orders that run, OCSP responses: the same for all configurations of a server.
#[derive(Debug, Default, Clone)]
pub(crate) struct CarriedAcme {
    pub(crate) certificates: Arc<ManagedCertificates>,
    pub(crate) keeper: Arc<Keeper>,
    stapler: Arc<Stapler>,
}

impl CarriedAcme {
    /// Serves and renews the certificates of this configuration from now on, in place of those before. `None`: none.
    pub(crate) fn start(&self, acme: Option<&Arc<Acme>>, events: &Arc<EventHub>, runtime: &Handle, log: &Arc<Log>) {
        self.keeper.keep(acme, events, runtime, log);
        match acme {
            Some(_) => self.stapler.start(&self.certificates, runtime, log),
            None => {
                self.stapler.stop();
                self.certificates.let_go();
            }
        }
    }
}
