//! What outlives a reload, and the process, of changes that were made while the server ran.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{AddedBackend, MOST_BACKENDS};
use crate::runtime_state::UpstreamState;
use crate::upstream::backend::Admin;
use crate::upstream::fingerprint::Fingerprint;
use crate::upstream::listing::Listing;
use crate::upstream::settings::Member;
use crate::upstream::Upstream;

impl Listing {
    /// Takes the changes over that were made before a reload. Written settings that are others now win.
    pub(in crate::upstream) fn take_changes(&mut self, before: &Self, made_of: &Fingerprint) {
        let mut changes = before.changes.clone();
        let (mut lost, mut gone) = (Vec::new(), Vec::new());
        changes.added.retain_mut(|added| match self.compiled(made_of, std::slice::from_ref(&added.config)) {
            Ok(members) => members.into_iter().next().map(|member| added.member = member).is_some(),
            Err(mistakes) => {
                lost.push(format!("{} was added: {}", added.member.name(), mistakes.join("; ")));
                gone.push(added.member.name());
                false
            }
        });
        gone.iter().for_each(|name| changes.give_back(&self.base, name));
        let told = changes.reconcile(&self.base);
        lost.extend(told.overridden);
        self.carried = Some((changes.revision, lost));
        changes.revision += 1;
        self.changes = changes;
        self.leaving = before.leaving.clone();
        self.candidates = before.candidates.clone();
    }
}

impl Upstream {
    /// Takes over what was changed of the upstream before, after this one was made in its place.
    pub(in crate::upstream) fn catch_up(self: &Arc<Self>, listing: &mut Listing) {
        let before = std::mem::take(&mut *self.before.lock()).upgrade();
        if let Some(before) = before {
            let theirs = before.listing.lock();
            if listing.carried.as_ref().is_some_and(|(revision, _)| *revision != theirs.changes.revision) {
                listing.take_changes(&theirs, &self.fingerprint);
                let alike = before.fingerprint.connects_like(&self.fingerprint);
                let made = if alike { theirs.entries.clone() } else { Vec::new() };
                drop(theirs);
                self.relist(listing, &made);
            }
        }
        // Those of the upstream before, and perhaps some of its own.
        self.watch_the_leaving(listing);
    }

    /// Tells what a reload has kept of the changes, and what it takes back.
    pub(crate) fn tell_of_reload(&self) {
        let mut listing = self.listing.lock();
        let lost = listing.carried.take().map(|(_, lost)| lost).unwrap_or_default();
        let mut kept = listing.changes.clone().reconcile(&listing.base).kept;
        drop(listing);
        let (all, single) = self.group.wanted();
        kept.extend((all != Admin::Ready).then(|| format!("all are {}", all.name())));
        kept.extend(single.iter().map(|(name, state)| format!("{name} {}", state.name())));
        let shown = |what: &[String]| what.join(", ");
        match (kept.is_empty(), lost.is_empty()) {
            (true, true) => {}
            (false, true) => self.warn(format_args!("the reload keeps what was changed at run time: {}", shown(&kept))),
            (true, false) => self.warn(format_args!("the reload takes changes of run time back: {}", shown(&lost))),
            (false, false) => self.warn(format_args!(
                "the reload keeps what was changed at run time: {}; it takes back: {}",
                shown(&kept),
                shown(&lost)
            )),
        }
    }

    /// What is to outlive the process.
    pub(crate) fn runtime_state(&self) -> UpstreamState {
        let mut state = UpstreamState::default();
        self.listing.lock().changes.write_to(&mut state);
        let (all, single) = self.group.wanted();
        state.state = (all != Admin::Ready).then(|| all.name().to_owned());
        state.states = single.into_iter().map(|(name, admin)| (name, admin.name().to_owned())).collect();
        state
    }

    /// Takes what another process has left. What it had of backends that are gone, in words.
    pub(crate) fn take_runtime_state(self: &Arc<Self>, state: &UpstreamState) -> Vec<String> {
        let mut listing = self.listing.lock();
        let mut lost = Vec::new();
        listing.changes.read_from(state);
        for backend in state.added.iter().take(MOST_BACKENDS) {
            match listing.compiled(&self.fingerprint, std::slice::from_ref(backend)) {
                Ok(members) => {
                    let added = members.into_iter().map(|member| AddedBackend { config: backend.clone(), member });
                    listing.changes.added.extend(added);
                }
                Err(mistakes) => {
                    let Listing { changes, base, .. } = &mut *listing;
                    changes.give_back(base, &backend.address);
                    lost.push(format!("{} was added: {}", backend.address, mistakes.join("; ")));
                }
            }
        }
        let Listing { changes, base, .. } = &mut *listing;
        lost.extend(changes.reconcile(base).overridden);
        let known: BTreeSet<_> =
            changes.applied(base).iter().flat_map(|member| [member.name(), member.state_name()]).collect();
        let has_names = base.iter().any(Member::is_named);
        let single: Vec<_> = state
            .states
            .iter()
            .filter_map(|(name, state)| {
                // An address may be one of a name, which is not resolved yet.
                let is_known = known.contains(name) || has_names && name.parse::<std::net::SocketAddr>().is_ok();
                if !is_known {
                    lost.push(format!("{name} is gone"));
                }
                Some((name.clone(), Admin::named(state).filter(|_| is_known)?))
            })
            .collect();
        let all = state.state.as_deref().and_then(Admin::named).unwrap_or_default();
        self.relist(&mut listing, &[]);
        drop(listing);
        self.group.restore(all, single);
        lost
    }
}
