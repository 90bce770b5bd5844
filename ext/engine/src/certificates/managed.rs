//! Managed certificates by name.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use rustls::sign::CertifiedKey;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, Semaphore};
use tokio::time::Instant;

use super::challenges::Challenges;
use super::loaded::LoadedCertificate;
use super::memory::{Known, Memory};
use super::names::{host_name, WrittenNames};
use super::record::CertificateRecord;
use super::single_flight::{Flight, SingleFlight};
use super::stored_names::StoredNames;
use crate::clock::time_of_day;
use crate::log::Log;
use crate::panics::enduring;
use crate::storage::Storage;

/// Time for which storage is not asked again for a certificate that it did not have.
const MISSING: Duration = Duration::from_secs(5);
/// Certificates that are loaded at once.
const LOADS: usize = 32;

/// A handshake for a name that is neither written nor stored, which waits for a certificate.
#[derive(Debug)]
pub(crate) struct Demand {
    /// Name in lower case, without a trailing dot.
    pub(crate) name: Box<str>,
    /// Hears whether the name has a certificate now. Whoever gets a yes finds it with [`ManagedCertificates::find`].
    pub(crate) reply: oneshot::Sender<bool>,
}

/// What is served, and from where.
#[derive(Debug)]
pub(crate) struct ManagedSettings<'a> {
    /// What is written: subjects with the names of their certificates, in the order of the file. The first is shown to
    /// clients that name no host.
    pub(crate) subjects: &'a [(Box<str>, Vec<Box<str>>)],
    pub(crate) storage: Arc<Storage>,
    /// Certificates that are kept in memory, at most.
    pub(crate) cache: usize,
    /// Whom to ask about names that are not written. `None`: they have no certificate. As many handshakes wait for an
    /// answer at once as this channel has places.
    pub(crate) demands: Option<mpsc::Sender<Demand>>,
    /// Runtime of the background tasks: what asks storage.
    pub(crate) background: &'a Handle,
    pub(crate) log: &'a Arc<Log>,
}

/// What a look into storage has found.
type LookedUp = Option<Arc<LoadedCertificate>>;

/// The certificates that the proxy gets by itself: the table that handshakes look into. The same through all reloads.
#[derive(Debug, Default)]
pub(crate) struct ManagedCertificates {
    /// Answers to pending challenges.
    pub(crate) challenges: Challenges,
    serving: ArcSwapOption<Serving>,
    memory: Mutex<Memory>,
    stored: StoredNames,
    loads: Arc<SingleFlight<LookedUp>>,
    demanded: Arc<SingleFlight<bool>>,
}

/// Compiled [`ManagedSettings`].
#[derive(Debug)]
struct Serving {
    names: WrittenNames,
    storage: Arc<Storage>,
    background: Handle,
    log: Arc<Log>,
    loading: Semaphore,
    demands: Option<Demands>,
}

/// Whom to ask about other names.
#[derive(Debug)]
struct Demands {
    sender: mpsc::Sender<Demand>,
    /// Handshakes that may wait.
    waiting: Semaphore,
}

impl ManagedCertificates {
    /// Sets what is served from now on. Certificates in memory are served on; each is loaded again when it is next
    /// asked for.
    pub(crate) fn configure(self: &Arc<Self>, settings: &ManagedSettings<'_>) {
        let ManagedSettings { subjects, storage, cache, demands, background, log } = settings;
        self.challenges.configure(storage, background);
        let demands = demands.clone().map(|sender| {
            let waiting = Semaphore::new(sender.max_capacity().min(Semaphore::MAX_PERMITS));
            Demands { sender, waiting }
        });
        let serving = Arc::new(Serving {
            names: WrittenNames::new(subjects),
            storage: Arc::clone(storage),
            background: (*background).clone(),
            log: Arc::clone(log),
            loading: Semaphore::new(LOADS),
            demands,
        });
        {
            let mut memory = self.memory.lock();
            memory.set_limit(*cache);
            memory.outdate_all();
        }
        if serving.demands.is_some() {
            let (own, storage, told) = (Arc::clone(self), Arc::clone(storage), Arc::clone(log));
            let work = move || {
                let (own, storage, log) = (Arc::clone(&own), Arc::clone(&storage), Arc::clone(&told));
                async move { own.stored.read(&storage, &log).await }
            };
            background.spawn(enduring("the list of stored names", Arc::clone(log), work));
        }
        self.serving.store(Some(serving));
    }

    /// Calls `visit` with the subject and the end of every certificate that is in memory.
    pub(crate) fn each_end(&self, visit: &mut dyn FnMut(&str, SystemTime)) {
        self.memory.lock().each_end(visit);
    }

    /// Serves nothing from now on. The storage of the last configuration, which may be a Ruby object, is let go.
    pub(crate) fn let_go(&self) {
        self.serving.store(None);
        self.challenges.let_go();
    }

    /// The certificate for the name of a handshake: from memory, else from storage, else on demand. `None`: there is
    /// none, and the handshake is refused with `unrecognized_name`.
    pub(crate) async fn find(self: &Arc<Self>, name: &[u8]) -> Option<Arc<CertifiedKey>> {
        let serving = self.serving.load_full()?;
        let name = host_name(name)?;
        if let Some(subject) = serving.names.subject(&name) {
            return self.known(&serving, subject).await;
        }
        let demands = serving.demands.as_ref()?;
        self.stored.wait_until_read().await;
        if self.stored.may_have(&name) {
            let known = self.known(&serving, &name).await;
            if known.is_some() {
                return known;
            }
        }
        if !self.demand(&serving, demands, &name).await {
            return None;
        }
        self.stored.add(&name);
        self.memory.lock().outdate_missing(&name);
        self.known(&serving, &name).await
    }

    /// The certificate for clients that name no host: the first that is written.
    pub(crate) async fn first(self: &Arc<Self>) -> Option<Arc<CertifiedKey>> {
        let serving = self.serving.load_full()?;
        self.known(&serving, serving.names.first()?).await
    }

    /// Whether requests for a host are held to the policy of managed certificates: it is written, below a written
    /// wildcard at any depth, or stored for a name that was asked for on demand.
    pub(crate) fn is_for(&self, host: &[u8]) -> bool {
        let serving = self.serving.load();
        let (Some(serving), Some(name)) = (&*serving, host_name(host)) else { return false };
        serving.names.covers(&name) || (serving.demands.is_some() && self.stored.may_have(&name))
    }

    /// Serves this certificate (key and chain in PEM) from now on, in place of an older one of the same subject. The
    /// error is for a person.
    pub(crate) fn install(&self, subject: &str, pem: &[u8]) -> Result<(), String> {
        let record = CertificateRecord::read(pem)?;
        self.memory.lock().put(subject, Known::Loaded(Arc::new(LoadedCertificate::new(record))));
        self.stored.add(subject);
        Ok(())
    }

    /// Loads the certificate anew when it is next asked for, since another instance may have replaced it. The one in
    /// memory is shown until the other is there.
    pub(crate) fn forget(&self, subject: &str) {
        self.memory.lock().outdate(subject);
        self.stored.add(subject);
    }

    /// The certificates in memory, by subject.
    pub(crate) fn in_memory(&self) -> Vec<(Arc<str>, Arc<CertifiedKey>)> {
        self.memory.lock().loaded().map(|(subject, loaded)| (Arc::clone(subject), Arc::clone(&loaded.key))).collect()
    }

    /// Sends this OCSP response along with a certificate from now on, or none, if it is still the one in memory.
    pub(crate) fn staple(&self, subject: &str, key: &Arc<CertifiedKey>, response: Option<Vec<u8>>) {
        let mut memory = self.memory.lock();
        let Some(loaded) = memory.loaded_mut(subject).filter(|loaded| Arc::ptr_eq(&loaded.key, key)) else { return };
        *loaded = Arc::new(loaded.with_staple(response));
    }

    /// The certificate of a subject, from memory or storage.
    async fn known(self: &Arc<Self>, serving: &Arc<Serving>, subject: &str) -> Option<Arc<CertifiedKey>> {
        let known = self.memory.lock().get(subject);
        let loaded = match known {
            Some((Known::Loaded(loaded), false)) => loaded,
            Some((Known::Loaded(loaded), true)) => {
                let (_, duty) = self.loads.join(subject);
                self.load(serving, subject, duty);
                loaded
            }
            Some((Known::Missing(until), _)) if Instant::now() < until => return None,
            Some((Known::Missing(_), _)) | None => {
                let (landing, duty) = self.loads.join(subject);
                self.load(serving, subject, duty);
                landing.result().await??
            }
        };
        if loaded.is_to_warn_of(time_of_day()) {
            let since = httpdate::fmt_http_date(loaded.not_after);
            serving.log.warn(format_args!(
                "the certificate of {subject} expired on {since}, and is shown since there is no other: `proxy \
                 certificates` tells why"
            ));
        }
        Some(Arc::clone(&loaded.key))
    }

    /// Loads a certificate in the background.
    fn load(self: &Arc<Self>, serving: &Arc<Serving>, subject: &str, duty: Option<Flight<LookedUp>>) {
        let Some(duty) = duty else { return };
        let (own, serving, subject) = (Arc::clone(self), Arc::clone(serving), subject.to_owned());
        let background = serving.background.clone();
        background.spawn(async move {
            let begun = own.memory.lock().epoch();
            let loaded = serving.load(&subject).await.unwrap_or_else(|error| {
                serving.log.warn(format_args!("the certificate of {subject} cannot be shown: {error}"));
                None
            });
            let missing = Known::Missing(Instant::now() + MISSING);
            let known = own.memory.lock().keep(&subject, loaded.map(Arc::new), missing, begun);
            duty.land(match known {
                Known::Loaded(loaded) => Some(loaded),
                Known::Missing(_) => None,
            });
        });
    }

    /// Asks whether a name may have a certificate, and waits until it has one. `true` if it has.
    async fn demand(&self, serving: &Serving, demands: &Demands, name: &str) -> bool {
        let Ok(_place) = demands.waiting.try_acquire() else { return false };
        let (landing, duty) = self.demanded.join(name);
        if let Some(duty) = duty {
            let (reply, answer) = oneshot::channel();
            if demands.sender.try_send(Demand { name: name.into(), reply }).is_err() {
                return false;
            }
            // A task of its own: whoever asked first may leave.
            serving.background.spawn(async move { duty.land(answer.await.unwrap_or_default()) });
        }
        landing.result().await.unwrap_or_default()
    }
}

impl Serving {
    async fn load(&self, subject: &str) -> Result<Option<LoadedCertificate>, String> {
        let _place = self.loading.acquire().await.map_err(|error| error.to_string())?;
        let record = CertificateRecord::load(&self.storage, subject).await.map_err(|error| error.to_string())?;
        record.transpose().map(|record| record.map(LoadedCertificate::new)).map_err(|error| format!("it {error}"))
    }
}

#[cfg(test)]
mod tests;
