//! The backends of an upstream, and their replacement while the server runs.

use std::sync::atomic::Ordering;
use std::sync::Arc;

use tokio::task::AbortHandle;

use super::backend::configured::{self, own_name, ConfiguredBackend};
use super::backend::group::BackendGroup;
use super::backend::{Backend, BackendSettings, Tls};
use super::changes::Changes;
use super::compile::{introduced, members, TargetHost};
use super::fingerprint::Fingerprint;
use super::refresh::{self, FollowedName};
use super::settings::Member;
use super::tls::TlsClient;
use super::{BackendProtocol, Upstream, UpstreamTasks};
use crate::compile::Report;
use crate::config::{are_sound, BackendConfig, PoolConfig, Severity};
use crate::panics::enduring;

/// The backends as they are listed now.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The entries of `backends`, in that order.
    pub(super) entries: Vec<ConfiguredBackend>,
    /// What each entry was made from.
    pub(super) members: Vec<Member>,
    /// The backends of the configuration, or those that took their place.
    pub(super) base: Vec<Member>,
    /// What was changed at run time beside them.
    pub(super) changes: Changes,
    /// Revision of the upstream before a reload that the changes are from, and what the reload takes back of them.
    pub(super) carried: Option<(u64, Vec<String>)>,
    /// Backends that get nothing any more and are still busy.
    pub(super) leaving: Vec<Arc<Backend>>,
    /// Backends of a deploy that get nothing yet.
    pub(super) candidates: Vec<Arc<Backend>>,
    /// Number of each entry. One that stays in another list keeps it.
    pub(super) numbers: Vec<u64>,
    pub(super) next_number: u64,
    /// TLS settings, once any backend has needed them.
    pub(super) tls: Option<TlsClient>,
    /// Whether the list was ever replaced.
    pub(super) is_replaced: bool,
    /// Whether the first list is still to come.
    pub(super) is_awaited: bool,
    /// Whether the list has ever replaced one that was complete.
    pub(super) is_late: bool,
    /// Tasks that resolve the names among the entries, by the numbers of these.
    pub(super) tasks: Vec<(u64, AbortHandle)>,
}

impl Listing {
    /// The entry of a backend.
    pub(super) fn entry(&self, member: &Member, made_of: &Fingerprint, group: &Arc<BackendGroup>) -> ConfiguredBackend {
        let Member { address, secure, traits } = member;
        let tls = self.tls.as_ref().filter(|_| *secure).map(|client| Tls {
            client: client.clone(),
            name: made_of.server_name.clone().unwrap_or_else(|| own_name(address)),
        });
        ConfiguredBackend::new(address, *secure, tls, *traits, group)
    }

    /// Takes the backends over that were listed before a reload, until a block lists them anew. `false` if there are
    /// none yet, or if they speak TLS and the settings of that are wrong.
    pub(super) fn take_over(&mut self, before: Option<&Upstream>, fingerprint: &Fingerprint) -> bool {
        let Some(before) = before else { return false };
        let listed = before.listing.lock();
        if listed.is_awaited {
            return false;
        }
        if self.tls.is_none() && before.fingerprint.connects_like(fingerprint) {
            self.tls = listed.tls.clone();
        }
        if self.tls.is_none() && listed.members.iter().any(|member| member.secure) {
            self.tls = TlsClient::compile(&fingerprint.pool, &mut Report::new("backends", None, &mut Vec::new()));
            if self.tls.is_none() {
                return false;
            }
        }
        self.base = listed.base.clone();
        true
    }

    /// Number of answers that requests wait for: of DNS for each name, and the first list of a block. None if only a
    /// change has brought the names, and other backends serve.
    pub(super) fn unanswered(&self) -> usize {
        if self.is_late && self.entries.iter().any(|entry| entry.backends().next().is_some()) {
            return 0;
        }
        let is_unanswered =
            |entry: &&ConfiguredBackend| matches!(entry, ConfiguredBackend::Named { answered: false, .. });
        self.entries.iter().filter(is_unanswered).count() + usize::from(self.is_awaited)
    }

    /// Resolves the names among the entries, and follows their changes. A name that stays is not asked for anew:
    /// frequent changes of the list would keep its answer away.
    pub(super) fn follow_names(&mut self, upstream: &Arc<Upstream>, tasks: &UpstreamTasks) {
        let (stay, end) = self.tasks.drain(..).partition(|(number, _)| self.numbers.contains(number));
        self.tasks = stay;
        end.into_iter().for_each(|(_, task): (u64, AbortHandle)| task.abort());
        for (entry, &number) in self.entries.iter().zip(&self.numbers) {
            let ConfiguredBackend::Named { name, .. } = entry else { continue };
            if self.tasks.iter().any(|(followed, _)| *followed == number) {
                continue;
            }
            let (host, port, log) = (name.host.clone(), name.port, tasks.log.clone());
            let name = FollowedName { number, host, port, log };
            let (upstream, dns) = (Arc::downgrade(upstream), tasks.dns.clone());
            let work = move || refresh::follow(upstream.clone(), name.clone(), dns.clone());
            let follow = enduring("the resolution of a name", tasks.log.clone(), work);
            self.tasks.push((number, tasks.handle.spawn(follow).abort_handle()));
        }
    }

    /// Checks backends that come while the server runs, and sets TLS up if one of them needs it.
    pub(super) fn compiled(
        &mut self,
        made_of: &Fingerprint,
        backends: &[BackendConfig],
    ) -> Result<Vec<Member>, Vec<String>> {
        let pool = PoolConfig { backends: Some(backends.to_vec()), ..made_of.pool.clone() };
        let mut problems = Vec::new();
        let mut report = Report::new("backends", None, &mut problems);
        let target = TargetHost { scheme_tls: Some(made_of.scheme_tls), authority: None, dynamic: false };
        let traits = BackendSettings::of_all(&pool, &mut report);
        let members = if backends.is_empty() { Vec::new() } else { members(&pool, target, traits, &mut report) };
        introduced(&pool, &members, &mut report);
        if self.tls.is_none() && members.iter().any(|member| member.secure) {
            self.tls = TlsClient::compile(&pool, &mut report);
        }
        if !are_sound(&problems) {
            let errors = problems.into_iter().filter(|problem| problem.severity == Severity::Error);
            return Err(errors.map(|it| it.message).collect());
        }
        Ok(members)
    }

    /// Numbers the entries for the first time.
    pub(super) fn number(&mut self) {
        self.next_number = self.entries.len() as u64;
        self.numbers = (0..self.next_number).collect();
    }

    /// The entry with this number. `None` if it is no longer listed.
    pub(super) fn numbered(&mut self, number: u64) -> Option<&mut ConfiguredBackend> {
        let index = self.numbers.iter().position(|other| *other == number)?;
        self.entries.get_mut(index)
    }
}

impl Upstream {
    /// Replaces the list of backends, together with those that were added, removed or changed at run time. A backend
    /// that is in both lists stays the same one, with its figures, its health and its idle connections; requests in
    /// flight at the others finish there. The list may be empty.
    ///
    /// # Errors
    /// What is wrong with the list, if anything is; the list before then stays.
    pub(crate) fn list(self: &Arc<Self>, backends: &[BackendConfig]) -> Result<(), Vec<String>> {
        let mut listing = self.listing.lock();
        listing.base = listing.compiled(&self.fingerprint, backends)?;
        listing.changes.forget_backends();
        listing.changes.revision += 1;
        listing.is_replaced = true;
        self.relist(&mut listing, &[]);
        Ok(())
    }

    /// Replaces the list of backends by what a block has answered. What was added or changed at run time stays.
    ///
    /// # Errors
    /// As for [`Upstream::list`].
    pub(super) fn list_by_block(self: &Arc<Self>, backends: &[BackendConfig]) -> Result<(), Vec<String>> {
        let mut listing = self.listing.lock();
        listing.base = listing.compiled(&self.fingerprint, backends)?;
        let Listing { changes, base, .. } = &mut *listing;
        let told = changes.reconcile(base);
        listing.is_replaced = true;
        self.relist(&mut listing, &[]);
        drop(listing);
        if !told.overridden.is_empty() {
            self.tell(format_args!("its block takes changes of run time back: {}", told.overridden.join(", ")));
        }
        Ok(())
    }

    /// Makes the entries anew after a change of what they are made from. Entries that stay are the same; `made` are
    /// some that exist already, with their addresses and their state.
    pub(super) fn relist(self: &Arc<Self>, listing: &mut Listing, made: &[ConfiguredBackend]) {
        let members = listing.changes.applied(&listing.base);
        if listing.members == members {
            return;
        }
        let (old, numbers) = (std::mem::take(&mut listing.members), std::mem::take(&mut listing.numbers));
        let old = old.into_iter().zip(std::mem::take(&mut listing.entries).into_iter().zip(numbers));
        let mut left: Vec<_> = old.collect();
        let mut fresh: Vec<(usize, ConfiguredBackend)> = Vec::new();
        let mut entries: Vec<Option<ConfiguredBackend>> = Vec::with_capacity(members.len());
        for (index, member) in members.iter().enumerate() {
            let stays = left.iter().position(|(old, _)| old == member).map(|index| left.remove(index));
            if stays.is_none() {
                fresh.push((index, listing.entry(member, &self.fingerprint, &self.group)));
            }
            let (entry, number) = stays.map(|(_, (entry, number))| (entry, number)).unzip();
            entries.push(entry);
            let given = number.unwrap_or(listing.next_number);
            listing.numbers.push(given);
            listing.next_number += u64::from(number.is_none());
        }
        // A backend whose weight has changed, for example, is a new one with the state of the old one. So is one that
        // comes back while it is still busy.
        let (places, mut new): (Vec<usize>, Vec<_>) = fresh.into_iter().unzip();
        let before: Vec<_> = left.into_iter().map(|(_, (entry, _))| entry).collect();
        let gone: Vec<_> = before.iter().flat_map(ConfiguredBackend::backends).cloned().collect();
        let leaving = std::mem::take(&mut listing.leaving);
        let sources = before.into_iter().chain(leaving.iter().cloned().map(ConfiguredBackend::Fixed));
        let sources: Vec<_> = sources.chain(made.iter().cloned()).collect();
        configured::carry_over(&mut new, &sources, &self.group, true);
        for (index, entry) in places.into_iter().zip(new) {
            entries[index] = Some(entry);
        }
        listing.entries = entries.into_iter().flatten().collect();
        listing.members = members;
        listing.is_late |= self.is_ready();
        let is_http2 = |member: &Member| member.traits.protocol == BackendProtocol::Http2;
        self.http2.store(listing.members.iter().all(is_http2), Ordering::Relaxed);
        if let Some(tasks) = self.running.get() {
            listing.follow_names(self, tasks);
        }
        self.show(listing, true);
        self.answered(listing.unanswered());
        let is_watched = !leaving.is_empty();
        self.leave(listing, leaving.into_iter().chain(gone).collect(), is_watched);
    }

    /// Notes that the block which lists the backends has answered for the first time, be it with a failure.
    pub(super) fn listed(&self) {
        let mut listing = self.listing.lock();
        if std::mem::take(&mut listing.is_awaited) {
            self.answered(listing.unanswered());
        }
    }

    /// Whether the list of backends is the one of the configuration.
    pub(super) fn is_as_written(&self) -> bool {
        self.lister.is_none() && !self.listing.lock().is_replaced
    }
}

#[cfg(test)]
mod tests;
