//! Which certificates storage has and the configuration wants, for a person who asks. No server is needed for that: all
//! of it stands in storage.

use std::time::SystemTime;

use rustc_hash::FxHashMap;

use super::directive::Acme;
use super::early_renewal::{self, EarlyRenewal};
use super::names::WrittenCertificate;
use super::schedule;
use crate::certificates::info::{seconds, CertificateInfo, CertificateKind};
use crate::certificates::record::CertificateState;
use crate::clock::time_of_day;
use crate::storage::{Storage, StorageError};

/// Wanted certificates by subject.
type WantedBySubject<'a> = FxHashMap<&'a str, &'a WrittenCertificate>;

/// Names that a message lists at most.
const SHOWN: usize = 20;

/// Failures of storage in a row after which it is not asked again: each may take its time.
const FAILURES: u32 = 2;

/// The states of all certificates: of those in storage, in the order of their subjects, and before them of those that
/// are wanted, in the order of the file. If storage cannot be read, those that are wanted say so.
pub(crate) async fn states(storage: &Storage, wanted: &[Vec<String>]) -> Vec<CertificateState> {
    let mut states = Vec::with_capacity(wanted.len());
    let mut failures = 0;
    let mut trouble = None;
    for names in wanted {
        let Some(subject) = names.first() else { continue };
        let state = match &trouble {
            Some(trouble) if failures >= FAILURES => Err(StorageError::clone(trouble)),
            _ => CertificateState::load(storage, subject).await,
        };
        let state = match state {
            Ok(state) => {
                failures = 0;
                state
            }
            Err(error) => {
                failures += 1;
                let last_error = Some(trouble.insert(error).0.clone());
                CertificateState { last_error, ..CertificateState::default() }
            }
        };
        // The names are those that the next certificate will have.
        states.push(CertificateState { names: names.clone(), ..state });
    }
    if failures < FAILURES {
        let known: Vec<_> = wanted.iter().filter_map(|names| names.first()).map(String::as_str).collect();
        match CertificateState::others(storage, &known).await {
            Ok(others) => states.extend(others),
            Err(StorageError(error)) => {
                states.iter_mut().for_each(|state| _ = state.last_error.get_or_insert_with(|| error.clone()));
            }
        }
    }
    states
}

impl Acme {
    /// All managed certificates, as a person sees them.
    pub(crate) async fn certificates(&self) -> Vec<CertificateInfo> {
        // What keeps a state from being written cannot stand in it.
        let unwritable = self.storage.unwritable();
        let wanted = self.wanted_by_subject();
        let describe = |mut state: CertificateState| {
            let (authority, next_attempt) = (self.authority_of(&state), self.next_attempt(&state, &wanted));
            if let Some(StorageError(trouble)) = unwritable.as_ref().filter(|_| self.renews(&state, &wanted)) {
                state.last_error.get_or_insert_with(|| trouble.clone());
            }
            described(state, authority, next_attempt)
        };
        states(&self.storage, &self.wanted_names()).await.into_iter().map(describe).collect()
    }

    /// The subject of the certificate for a name that is renewed. The error lists the names that there are.
    pub(crate) async fn subject_for(&self, name: &str) -> Result<String, String> {
        let states = states(&self.storage, &self.wanted_names()).await;
        let wanted = self.wanted_by_subject();
        let (renewed, left): (Vec<_>, Vec<_>) = states.into_iter().partition(|state| self.renews(state, &wanted));
        if let Some(subject) = find(&renewed, name).and_then(|state| state.names.first()) {
            return Ok(subject.clone());
        }
        if find(&left, name).is_some() {
            return Err(format!(
                "{name:?} is not renewed any more: no host of the configuration needs its certificate"
            ));
        }
        let there: Vec<_> = renewed.iter().filter_map(|state| state.names.first()).take(SHOWN).cloned().collect();
        Err(match there.len() {
            0 => format!("{name:?} is not in a managed certificate: there are none"),
            SHOWN => format!("{name:?} is not in a managed certificate: there are {}, …", there.join(", ")),
            _ => format!("{name:?} is not in a managed certificate: there are {}", there.join(", ")),
        })
    }

    /// Writes down that a new certificate for this name is wanted.
    pub(crate) async fn wish(&self, name: &str) -> Result<(), String> {
        let subject = self.subject_for(name).await?;
        early_renewal::wish(&self.storage, &subject).await.map_err(|error| error.0)
    }

    /// The same, and waits for what becomes of it.
    pub(crate) async fn wish_and_wait(&self, name: &str) -> Result<EarlyRenewal, String> {
        let subject = self.subject_for(name).await?;
        early_renewal::wish_and_wait(&self.storage, &subject).await.map_err(|error| error.0)
    }

    /// Takes back a wish that no proxy has taken yet.
    pub(crate) async fn take_back(&self, name: &str) {
        if let Ok(subject) = self.subject_for(name).await {
            // Without storage there is no wish either.
            let _ = early_renewal::take_back(&self.storage, &subject).await;
        }
    }

    fn wanted_names(&self) -> Vec<Vec<String>> {
        self.wanted.iter().map(|wanted| wanted.names.iter().map(|name| String::from(&**name)).collect()).collect()
    }

    fn authority_of(&self, state: &CertificateState) -> Option<String> {
        let url = state.authority.as_deref()?;
        let known = self.authorities.iter().find(|authority| authority.url() == url);
        Some(known.map_or(url, |authority| authority.name()).to_owned())
    }

    /// The wanted certificates, made once for all states: there may be thousands of both.
    fn wanted_by_subject(&self) -> WantedBySubject<'_> {
        self.wanted.iter().map(|wanted| (&*wanted.subject, wanted)).collect()
    }

    /// Whether the certificate is renewed. One that is in storage and not wanted was once got on demand, or for a host
    /// that is no longer written.
    fn renews(&self, state: &CertificateState, wanted: &WantedBySubject<'_>) -> bool {
        self.on_demand.is_some() || state.names.first().is_some_and(|name| wanted.contains_key(name.as_str()))
    }

    fn next_attempt(&self, state: &CertificateState, wanted: &WantedBySubject<'_>) -> Option<SystemTime> {
        if !self.renews(state, wanted) {
            return None;
        }
        let wanted = state.names.first().and_then(|name| wanted.get(name.as_str()));
        let names = wanted.map_or(&state.names[..], |wanted| &wanted.names[..]);
        let renewal = self.with_wish(names, |wish| schedule::renewal(state, wish));
        schedule::next_attempt(state, time_of_day()).max(renewal)
    }
}

/// What a person sees of a certificate. `authority` is the name of the one that issued it; `next_attempt` is when it is
/// renewed, or ordered again.
pub(crate) fn described(
    state: CertificateState,
    authority: Option<String>,
    next_attempt: Option<SystemTime>,
) -> CertificateInfo {
    CertificateInfo {
        authority,
        expires: state.not_after.map(seconds),
        next_attempt: next_attempt.map(seconds),
        failures: state.failures,
        last_error: state.last_error,
        ..CertificateInfo::new(CertificateKind::Managed, state.names)
    }
}

/// The state of the certificate for this name: one that has the name, else a wildcard for it.
pub(crate) fn find<'a>(states: &'a [CertificateState], name: &str) -> Option<&'a CertificateState> {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let star = name.split_once('.').map(|(_, above)| format!("*.{above}"));
    let with = |name: &str| states.iter().find(|state| state.names.iter().any(|own| own == name));
    with(&name).or_else(|| star.and_then(|star| with(&star)))
}

#[cfg(test)]
mod tests;
