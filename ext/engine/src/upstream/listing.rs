//! The backends of an upstream, and their replacement while the server runs.

use std::sync::atomic::Ordering;
use std::sync::Arc;

use tokio::task::AbortHandle;

use super::backend::configured::{self, own_name, ConfiguredBackend};
use super::backend::group::BackendGroup;
use super::backend::{BackendSettings, Tls};
use super::compile::{introduced, members, TargetHost};
use super::fingerprint::Fingerprint;
use super::refresh::{self, FollowedName};
use super::settings::Member;
use super::tls::TlsClient;
use super::{BackendProtocol, Upstream, UpstreamTasks};
use crate::compile::Report;
use crate::config::{are_sound, BackendConfig, PoolConfig, Severity};

/// The backends as they are listed now.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The entries of `backends`, in that order.
    pub(super) entries: Vec<ConfiguredBackend>,
    /// What each entry was made from.
    pub(super) members: Vec<Member>,
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
        self.members = listed.members.clone();
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
            let follow = refresh::follow(Arc::downgrade(upstream), name, tasks.dns.clone());
            self.tasks.push((number, tasks.handle.spawn(follow).abort_handle()));
        }
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
    /// Replaces the list of backends. A backend that is in both lists stays the same one, with its figures, its health
    /// and its idle connections; requests in flight at the others finish there. The list may be empty.
    ///
    /// # Errors
    /// What is wrong with the list, if anything is; the list before then stays.
    pub(crate) fn list(self: &Arc<Self>, backends: &[BackendConfig]) -> Result<(), Vec<String>> {
        let pool = PoolConfig { backends: Some(backends.to_vec()), ..self.fingerprint.pool.clone() };
        let mut problems = Vec::new();
        let mut report = Report::new("backends", None, &mut problems);
        let target = TargetHost { scheme_tls: Some(self.fingerprint.scheme_tls), authority: None, dynamic: false };
        let traits = BackendSettings::of_all(&pool, &mut report);
        let members = if backends.is_empty() { Vec::new() } else { members(&pool, target, traits, &mut report) };
        introduced(&pool, &members, &mut report);
        let mut listing = self.listing.lock();
        if listing.tls.is_none() && members.iter().any(|member| member.secure) {
            listing.tls = TlsClient::compile(&pool, &mut report);
        }
        if !are_sound(&problems) {
            return Err(problems
                .into_iter()
                .filter(|problem| problem.severity == Severity::Error)
                .map(|it| it.message)
                .collect());
        }
        if listing.members == members {
            return Ok(());
        }
        let (old, numbers) = (std::mem::take(&mut listing.members), std::mem::take(&mut listing.numbers));
        let old = old.into_iter().zip(std::mem::take(&mut listing.entries).into_iter().zip(numbers));
        let mut left: Vec<_> = old.collect();
        let mut made: Vec<(usize, ConfiguredBackend)> = Vec::new();
        let mut entries: Vec<Option<ConfiguredBackend>> = Vec::with_capacity(members.len());
        for (index, member) in members.iter().enumerate() {
            let stays = left.iter().position(|(old, _)| old == member).map(|index| left.remove(index));
            if stays.is_none() {
                made.push((index, listing.entry(member, &self.fingerprint, &self.group)));
            }
            let (entry, number) = stays.map(|(_, (entry, number))| (entry, number)).unzip();
            entries.push(entry);
            let given = number.unwrap_or(listing.next_number);
            listing.numbers.push(given);
            listing.next_number += u64::from(number.is_none());
        }
        // A backend whose weight has changed, for example, is a new one with the state of the old one.
        let (places, mut new): (Vec<usize>, Vec<_>) = made.into_iter().unzip();
        let before: Vec<_> = left.into_iter().map(|(_, (entry, _))| entry).collect();
        configured::carry_over(&mut new, &before, &self.group, true);
        for (index, entry) in places.into_iter().zip(new) {
            entries[index] = Some(entry);
        }
        listing.entries = entries.into_iter().flatten().collect();
        listing.members = members;
        listing.is_late |= self.is_ready();
        listing.is_replaced = true;
        let is_http2 = |member: &Member| member.traits.protocol == BackendProtocol::Http2;
        self.http2.store(listing.members.iter().all(is_http2), Ordering::Relaxed);
        if let Some(tasks) = self.running.get() {
            listing.follow_names(self, tasks);
        }
        self.show(&listing, true);
        self.answered(listing.unanswered());
        Ok(())
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
