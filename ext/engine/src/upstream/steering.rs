//! Changes of the backends of an upstream while the server runs, by the operator.

mod outliving;

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::backend::configured::ConfiguredBackend;
use super::backend::{Admin, Backend};
use super::changes::AddedBackend;
use super::listing::Listing;
use super::settings::Member;
use super::Upstream;
use crate::config::BackendConfig;
use crate::log::Level;
use crate::panics::enduring;
use crate::stats::BackendStats;

/// Most backends of an upstream to which more can be added.
pub(crate) const MOST_BACKENDS: usize = 1_000;
/// Largest weight of a backend.
const HEAVIEST: i64 = 65_535;

/// Time between two looks at backends that are still busy: at first, and later.
const FIRST_LOOK: Duration = Duration::from_millis(50);
const LATER_LOOK: Duration = Duration::from_secs(1);

/// What is to be changed of one backend, or of all of an upstream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackendChange {
    /// State: `ready`, `draining` or `down`.
    pub state: Option<String>,
    /// Share of requests, relative to the weights of the other backends: 1 to 65,535.
    pub weight: Option<i64>,
    /// Requests that it gets at once. 0: any number.
    pub max_connections: Option<i64>,
}

/// A [`BackendChange`] without mistakes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SoundChange {
    pub(crate) state: Option<Admin>,
    pub(crate) weight: Option<u32>,
    /// `Some(None)`: any number.
    pub(crate) max_connections: Option<Option<u32>>,
}

/// Why a backend was not changed, added or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unsteerable {
    /// No backend has the name; these are there.
    Unknown(Vec<String>),
    /// All mistakes.
    Mistakes(Vec<String>),
    /// It does not go together with what is there.
    Conflict(String),
}

impl BackendChange {
    /// Checks it.
    pub(crate) fn check(&self) -> Result<SoundChange, Vec<String>> {
        let mut mistakes = Vec::new();
        let state = self.state.as_deref().and_then(|name| {
            let state = Admin::named(name);
            if state.is_none() {
                mistakes.push(format!("state: {name:?} is unknown: write \"ready\", \"draining\" or \"down\""));
            }
            state
        });
        if let Some(weight) = self.weight.filter(|weight| !(1..=HEAVIEST).contains(weight)) {
            mistakes.push(format!(
                "weight: {weight} is out of range: write 1 to {HEAVIEST}, or state: \"draining\" for no requests"
            ));
        }
        if let Some(most) = self.max_connections.filter(|most| !(0..=u32::MAX.into()).contains(most)) {
            mistakes.push(format!("max_connections: {most} is out of range: write 1 or more, or 0 for any number"));
        }
        if *self == Self::default() {
            mistakes.push("nothing is to be changed: write state, weight or max_connections".into());
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let number = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(SoundChange {
            state,
            weight: self.weight.map(number),
            max_connections: self.max_connections.map(|most| Some(number(most)).filter(|most| *most > 0)),
        })
    }
}

impl Listing {
    /// Whether a backend was added at run time.
    pub(super) fn is_added(&self, member: &Member) -> bool {
        self.changes.added.iter().any(|added| added.member.name() == member.name())
    }

    /// The figures of backends that get nothing yet, or nothing any more.
    pub(super) fn leaving_stats(&self) -> Vec<BackendStats> {
        let coming = self.candidates.iter().map(|backend| BackendStats { added: true, ..backend.stats() });
        let leaving = self.leaving.iter().filter(|backend| backend.is_busy());
        coming.chain(leaving.map(|backend| BackendStats { state: "draining", ..backend.stats() })).collect()
    }

    /// The backend as it was written, or added, without changes of its settings.
    pub(super) fn untuned(&self, name: &str) -> Option<&Member> {
        let added = self.changes.added.iter().map(|added| &added.member);
        let mut all = self.base.iter().filter(|it| !self.changes.removed.contains(&it.name())).chain(added);
        all.find(|member| member.is_called(name))
    }
}

impl Upstream {
    /// Number that rises with each change of its backends by the operator.
    pub(crate) fn revision(&self) -> u64 {
        self.listing.lock().changes.revision
    }

    /// Notes another change of it.
    pub(crate) fn revise(&self) -> u64 {
        let revision = &mut self.listing.lock().changes.revision;
        *revision += 1;
        *revision
    }

    /// Changes one backend, or all of them.
    pub(crate) fn change(self: &Arc<Self>, name: Option<&str>, change: &SoundChange) -> Result<u64, Unsteerable> {
        let mut listing = self.listing.lock();
        let member = name.and_then(|name| listing.untuned(name).cloned());
        let tunes = change.weight.is_some() || change.max_connections.is_some();
        if let Some(name) = name.filter(|name| member.is_none() && (tunes || !self.group.knows(name))) {
            return Err(self.unfound(&listing, name));
        }
        if tunes {
            let all = || listing.changes.applied(&listing.base).into_iter().map(|member| member.name());
            let names: Vec<_> = member.as_ref().map_or_else(|| all().collect(), |member| vec![member.name()]);
            for name in names {
                let Some(member) = listing.untuned(&name).cloned() else { continue };
                listing.changes.tune(&member, change.weight, change.max_connections);
            }
            self.relist(&mut listing, &[]);
        }
        listing.changes.revision += 1;
        let revision = listing.changes.revision;
        drop(listing);
        if let Some(state) = change.state {
            self.set_state(name, member.as_ref(), state);
        }
        if tunes {
            let weight = change.weight.map(|weight| format!(" weight {weight}")).unwrap_or_default();
            let any = |most: Option<u32>| most.map_or_else(|| "none".to_owned(), |most| most.to_string());
            let most = change.max_connections.map(|most| format!(" max_connections {}", any(most)));
            let which = name.map_or("all backends", |name| name);
            self.tell(format_args!("{which}:{weight}{} now, as was asked for", most.unwrap_or_default()));
        }
        Ok(revision)
    }

    pub(super) fn set_state(&self, name: Option<&str>, member: Option<&Member>, state: Admin) {
        let upstream = self.name();
        // Its name may be written in another form than the group knows.
        let known = member.map(Member::state_name);
        let target = match (name, &known) {
            (None, _) => upstream.to_owned(),
            (Some(name), Some(known)) if !self.group.knows(name) => format!("{upstream}/{known}"),
            (Some(name), _) => format!("{upstream}/{name}"),
        };
        let is_set = self.group.set_admin(&target, state);
        if let (false, Some(known)) = (is_set, known) {
            // It has no address yet: it holds for those to come.
            self.group.prepare(&known, state);
        }
    }

    /// Adds a backend. It gets requests at once unless its state says otherwise.
    pub(crate) fn add(self: &Arc<Self>, backend: &BackendConfig, state: Option<Admin>) -> Result<u64, Unsteerable> {
        let mut listing = self.listing.lock();
        let added = self.addition(&mut listing, backend)?;
        let name = added.member.name();
        self.group.prepare(&added.member.state_name(), state.unwrap_or(self.group.wanted().0));
        let Listing { changes, base, .. } = &mut *listing;
        changes.add(base, added);
        listing.changes.revision += 1;
        self.relist(&mut listing, &[]);
        let revision = listing.changes.revision;
        drop(listing);
        self.tell(format_args!("{name} was added, as was asked for"));
        Ok(revision)
    }

    /// Checks a backend that is to be added.
    pub(super) fn addition(&self, listing: &mut Listing, backend: &BackendConfig) -> Result<AddedBackend, Unsteerable> {
        let members =
            listing.compiled(&self.fingerprint, std::slice::from_ref(backend)).map_err(Unsteerable::Mistakes)?;
        let Some(member) = members.into_iter().next() else {
            return Err(Unsteerable::Mistakes(vec![
                "an address is missing: write one, such as \"127.0.0.1:3001\"".into()
            ]));
        };
        let name = member.name();
        if listing.members.iter().any(|there| there.name() == name) {
            let upstream = self.name();
            return Err(Unsteerable::Conflict(format!(
                "{name} is a backend of {upstream} already: change it, or remove it first"
            )));
        }
        if listing.members.len() >= MOST_BACKENDS {
            return Err(Unsteerable::Conflict(format!(
                "{} has {} backends, and no more than {MOST_BACKENDS} can be reached by adding: remove some first",
                self.name(),
                listing.members.len()
            )));
        }
        Ok(AddedBackend { config: backend.clone(), member })
    }

    /// Removes a backend: it gets no new request, and what is in flight there finishes.
    pub(crate) fn remove(self: &Arc<Self>, name: &str) -> Result<u64, Unsteerable> {
        let mut listing = self.listing.lock();
        let member = listing.untuned(name).cloned().ok_or_else(|| self.unfound(&listing, name))?;
        self.take_out(&mut listing, &member.name());
        listing.changes.revision += 1;
        self.relist(&mut listing, &[]);
        let revision = listing.changes.revision;
        drop(listing);
        self.tell(format_args!("{} was removed, as was asked for", member.name()));
        Ok(revision)
    }

    /// Notes that a backend is removed.
    pub(super) fn take_out(&self, listing: &mut Listing, name: &str) {
        if let Some(member) = listing.members.iter().find(|member| member.name() == name) {
            self.group.forget(&member.state_name());
        }
        let Listing { base, changes, .. } = listing;
        changes.tuned.remove(name);
        changes.added.retain(|added| added.member.name() != name);
        if base.iter().any(|member| member.name() == name) {
            changes.removed.insert(name.to_owned());
        }
    }

    /// Why nothing has that name.
    fn unfound(&self, listing: &Listing, name: &str) -> Unsteerable {
        for (entry, member) in listing.entries.iter().zip(&listing.members) {
            if member.is_named() && entry.backends().any(|backend| backend.is_called(name)) {
                let (upstream, entry) = (self.name(), member.name());
                return Unsteerable::Conflict(format!(
                    "{name} is an address of {entry}: only its state can be set; write {upstream}/{entry} for the rest"
                ));
            }
        }
        let names = listing.members.iter().map(|member| format!("{}/{}", self.name(), member.name()));
        Unsteerable::Unknown(names.collect())
    }

    /// Keeps backends that are gone in sight while they are busy.
    pub(super) fn leave(self: &Arc<Self>, listing: &mut Listing, gone: Vec<Arc<Backend>>, is_watched: bool) {
        let live: BTreeSet<u64> =
            listing.entries.iter().flat_map(ConfiguredBackend::backends).map(|backend| backend.id()).collect();
        let mut seen = BTreeSet::new();
        let leaves =
            |backend: &Arc<Backend>| !live.contains(&backend.id()) && backend.is_busy() && seen.insert(backend.id());
        listing.leaving = gone.into_iter().filter(leaves).collect();
        if !is_watched {
            self.watch_the_leaving(listing);
        }
    }

    fn watch_the_leaving(self: &Arc<Self>, listing: &Listing) {
        if let Some(tasks) = self.running.get().filter(|_| !listing.leaving.is_empty()) {
            let upstream = Arc::downgrade(self);
            let work = move || forget_the_left(upstream.clone());
            tasks.handle.spawn(enduring("the look at removed backends", tasks.log.clone(), work));
        }
    }

    /// Logs what somebody has asked for.
    pub(super) fn tell(&self, what: std::fmt::Arguments<'_>) {
        self.write(Level::Info, what);
    }

    pub(super) fn warn(&self, what: std::fmt::Arguments<'_>) {
        self.write(Level::Warn, what);
    }

    fn write(&self, level: Level, what: std::fmt::Arguments<'_>) {
        if let Some(tasks) = self.running.get() {
            tasks.log.write(level, None, format_args!("upstream {}: {what}", self.name()));
        }
    }
}

/// Forgets backends that were removed once nothing is in flight there, so that their idle connections close.
async fn forget_the_left(upstream: Weak<Upstream>) {
    let mut pause = FIRST_LOOK;
    loop {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LATER_LOOK);
        let Some(upstream) = upstream.upgrade() else { return };
        let mut listing = upstream.listing.lock();
        listing.leaving.retain(|backend| backend.is_busy());
        if listing.leaving.is_empty() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
