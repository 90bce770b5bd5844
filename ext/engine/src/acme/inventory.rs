//! Which certificates storage has and the configuration wants, for a person who asks. No server is needed for that: all
//! of it stands in storage.

use std::collections::HashSet;
use std::time::SystemTime;

use crate::certificates::info::{seconds, CertificateInfo, CertificateKind};
use crate::certificates::record::CertificateState;
use crate::storage::{Storage, StorageError};

/// The states of all certificates: of those in storage, in the order of their subjects, and before them of those that
/// are wanted, in the order of the file. If storage cannot be read, those that are wanted say so.
pub(crate) async fn states(storage: &Storage, wanted: &[Vec<String>]) -> Vec<CertificateState> {
    read(storage, wanted).await.unwrap_or_else(|StorageError(error)| {
        let without = |names: &Vec<String>| CertificateState {
            names: names.clone(),
            last_error: Some(error.clone()),
            ..CertificateState::default()
        };
        wanted.iter().map(without).collect()
    })
}

async fn read(storage: &Storage, wanted: &[Vec<String>]) -> Result<Vec<CertificateState>, StorageError> {
    let mut states = Vec::with_capacity(wanted.len());
    for names in wanted {
        let Some(subject) = names.first() else { continue };
        let state = CertificateState::load(storage, subject).await?;
        // The names are those that the next certificate will have.
        states.push(CertificateState { names: names.clone(), ..state });
    }
    let subjects: HashSet<_> = wanted.iter().filter_map(|names| names.first()).collect();
    let others = CertificateState::all(storage).await?;
    states.extend(others.into_iter().filter(|state| state.names.first().is_some_and(|name| !subjects.contains(name))));
    Ok(states)
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
