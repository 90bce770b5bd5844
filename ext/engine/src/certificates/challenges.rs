//! Answers to challenges that are pending. Each stands in memory and in storage, so that every instance can give it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use rustls::sign::CertifiedKey;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::names::host_name;
use super::record::{alpn_challenge_key, http_challenge_key, CertificateRecord, CHALLENGES};
use crate::clock::time_of_day;
use crate::storage::{Storage, StorageError};

/// Longest token that is looked up. Authorities use 43 characters.
const LONGEST_TOKEN: usize = 128;
/// Time after which an answer that nobody has removed is void: its process was killed.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// Lookups in storage at once, for tokens and names that anybody can send.
const LOOKUPS: usize = 16;
/// Time that a lookup in storage may take, with the wait for its turn.
const LOOKUP_TIME: Duration = Duration::from_secs(5);

/// Answers to pending challenges.
#[derive(Debug, Default)]
pub(crate) struct Challenges {
    http: Mutex<FxHashMap<Box<str>, Box<str>>>,
    alpn: Mutex<FxHashMap<Box<str>, Arc<CertifiedKey>>>,
    elsewhere: ArcSwapOption<Elsewhere>,
}

/// Where the answers of other instances are found.
#[derive(Debug)]
struct Elsewhere {
    storage: Arc<Storage>,
    background: Handle,
    /// Each lookup keeps its place until storage has answered, also if nobody waits for it any more.
    places: Arc<Semaphore>,
}

impl Challenges {
    /// Looks in `storage` for answers of other instances from now on, and removes what crashed ones have left there.
    pub(super) fn configure(&self, storage: &Arc<Storage>, background: &Handle) {
        let places = Arc::new(Semaphore::new(LOOKUPS));
        let elsewhere = Elsewhere { storage: Arc::clone(storage), background: background.clone(), places };
        self.elsewhere.store(Some(Arc::new(elsewhere)));
        let storage = Arc::clone(storage);
        background.spawn(async move { remove_old(&storage).await });
    }

    /// Looks nowhere for answers of other instances any more.
    pub(super) fn let_go(&self) {
        self.elsewhere.store(None);
    }

    /// Answers requests for `/.well-known/acme-challenge/TOKEN` from now on (RFC 8555, section 8.3).
    pub(crate) async fn add_http(
        &self,
        storage: &Storage,
        token: &str,
        authorization: &str,
    ) -> Result<(), StorageError> {
        self.http.lock().insert(token.into(), authorization.into());
        let stored = storage.store(&http_challenge_key(token), &with_end(authorization)).await;
        stored.inspect_err(|_| drop(self.http.lock().remove(token)))
    }

    /// Stops answering requests for this token. What cannot be removed from storage becomes void by itself.
    pub(crate) async fn remove_http(&self, storage: &Storage, token: &str) {
        self.forget_http(token);
        let _ = storage.delete(&http_challenge_key(token)).await;
    }

    /// Shows this certificate (key and chain in PEM) to handshakes for `name` that offer only `acme-tls/1` (RFC 8737).
    pub(crate) async fn add_alpn(&self, storage: &Storage, name: &str, pem: &str) -> Result<(), StorageError> {
        let record = CertificateRecord::read(pem.as_bytes()).map_err(|error| {
            StorageError(format!("the certificate for the tls-alpn-01 challenge of {name} {error}"))
        })?;
        self.alpn.lock().insert(name.into(), record.key);
        let stored = storage.store(&alpn_challenge_key(name), &with_end(pem)).await;
        stored.inspect_err(|_| drop(self.alpn.lock().remove(name)))
    }

    /// Stops answering handshakes for this name. What cannot be removed from storage becomes void by itself.
    pub(crate) async fn remove_alpn(&self, storage: &Storage, name: &str) {
        self.forget_alpn(name);
        let _ = storage.delete(&alpn_challenge_key(name)).await;
    }

    /// Takes the answer for a token out of memory. In storage it becomes void by itself.
    pub(crate) fn forget_http(&self, token: &str) {
        self.http.lock().remove(token);
    }

    /// Takes the certificate for a name out of memory. In storage it becomes void by itself.
    pub(crate) fn forget_alpn(&self, name: &str) {
        self.alpn.lock().remove(name);
    }

    /// The answer for a token, from memory or storage. `None` if no such challenge is pending.
    pub(crate) async fn http(&self, token: &[u8]) -> Option<String> {
        if !is_token(token) {
            return None;
        }
        let token = std::str::from_utf8(token).ok()?;
        if let Some(authorization) = self.http.lock().get(token) {
            return Some(authorization.as_ref().into());
        }
        self.of_others(http_challenge_key(token)).await
    }

    /// The certificate for a tls-alpn-01 handshake. `None` if no such challenge is pending.
    pub(crate) async fn alpn(&self, name: &[u8]) -> Option<Arc<CertifiedKey>> {
        let name = host_name(name)?;
        if let Some(key) = self.alpn.lock().get(&*name) {
            return Some(Arc::clone(key));
        }
        let pem = self.of_others(alpn_challenge_key(&name)).await?;
        CertificateRecord::read(pem.as_bytes()).ok().map(|record| record.key)
    }

    /// The answer that another instance has put into storage.
    async fn of_others(&self, key: String) -> Option<String> {
        let elsewhere = self.elsewhere.load_full()?;
        let lookup = async {
            let place = Arc::clone(&elsewhere.places).acquire_owned().await.ok()?;
            let storage = Arc::clone(&elsewhere.storage);
            let loaded = elsewhere.background.spawn(async move {
                let _place = place;
                storage.load(&key).await
            });
            let loaded = loaded.await;
            pending(&loaded.ok()?.ok()??, time_of_day()).map(Into::into)
        };
        timeout(LOOKUP_TIME, lookup).await.ok().flatten()
    }
}

/// Whether this can be the token of a challenge: base64url (RFC 8555, section 8.3). Anything else could be a part of a
/// path.
pub(crate) fn is_token(text: &[u8]) -> bool {
    let is_of_it = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=LONGEST_TOKEN).contains(&text.len()) && text.iter().all(is_of_it)
}

/// An answer as it is stored: with the moment from which on it is void, in a line of its own, which a reader of PEM
/// skips.
fn with_end(answer: &str) -> Vec<u8> {
    let until = time_of_day() + LIFETIME;
    let seconds = until.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    format!("{}\n{seconds}\n", answer.trim_end()).into_bytes()
}

/// The answer, if it is not void.
fn pending(stored: &[u8], now: SystemTime) -> Option<&str> {
    let (answer, seconds) = std::str::from_utf8(stored).ok()?.trim_end().rsplit_once('\n')?;
    let until = UNIX_EPOCH.checked_add(Duration::from_secs(seconds.parse().ok()?))?;
    (now < until).then_some(answer)
}

/// Removes answers that are void.
async fn remove_old(storage: &Storage) {
    for kind in CHALLENGES {
        for key in storage.list(kind).await.unwrap_or_default() {
            let value = storage.load(&key).await.ok().flatten();
            if value.is_some_and(|value| pending(&value, time_of_day()).is_none()) {
                let _ = storage.delete(&key).await;
            }
        }
    }
}

#[cfg(test)]
mod tests;
