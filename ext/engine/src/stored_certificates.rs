//! The certificates of a configuration without a server: `proxy certificates`.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::acme::directive::Acme;
use crate::acme::early_renewal::EarlyRenewal;
use crate::certificates::info::CertificateInfo;
use crate::compile::Purpose;
use crate::configuration::Config;
use crate::snapshot;

/// Time for taking back what is no longer wanted, at the end of a program.
const TAKING_BACK: Duration = Duration::from_secs(1);

/// The certificates of a configuration, for a program that does not serve. What the proxy gets by itself is read from
/// storage.
#[derive(Debug)]
pub struct StoredCertificates {
    runtime: Runtime,
    of_binds: Vec<CertificateInfo>,
    acme: Option<Arc<Acme>>,
    interrupted: Notify,
}

impl StoredCertificates {
    /// Compiles a configuration, which should have no mistakes.
    ///
    /// # Errors
    /// If the system gives no runtime.
    pub fn open(config: &Config) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let snapshot = snapshot::compile(config, Purpose::Check).snapshot;
        Ok(Self { runtime, of_binds: snapshot.binds.described(), acme: snapshot.acme, interrupted: Notify::new() })
    }

    /// All certificates: those of binds in the order of the file, then the managed ones. `None` if it was interrupted.
    pub fn list(&self) -> Option<Vec<CertificateInfo>> {
        let mut all = self.of_binds.clone();
        if let Some(acme) = &self.acme {
            all.extend(self.run(acme.certificates())?);
        }
        Some(all)
    }

    /// Asks the proxies that work with this storage for a new certificate, and waits for what becomes of it. `None` if
    /// it was interrupted, and nobody is asked any more. The error says why nobody can be asked.
    pub fn renew(&self, name: &str) -> Option<Result<EarlyRenewal, String>> {
        match &self.acme {
            Some(acme) => {
                let outcome = self.run(acme.wish_and_wait(name));
                if outcome.is_none() {
                    self.runtime.block_on(async { timeout(TAKING_BACK, acme.take_back(name)).await.ok() });
                }
                outcome
            }
            None => Some(Err("the configuration has no acme, so there is nothing to renew".into())),
        }
    }

    /// Makes a call of another thread return early.
    pub fn interrupt(&self) {
        self.interrupted.notify_one();
    }

    fn run<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.runtime.block_on(async {
            tokio::select! {
                done = work => Some(done),
                () = self.interrupted.notified() => None,
            }
        })
    }
}
