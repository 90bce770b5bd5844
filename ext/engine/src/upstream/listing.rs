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
    /// TLS settings, once any backend has needed them.
    pub(super) tls: Option<TlsClient>,
    /// Number of times that the list was replaced.
    pub(super) generation: u64,
    /// Whether the first list is still to come.
    pub(super) is_awaited: bool,
    /// Tasks that resolve the names among the entries.
    pub(super) tasks: Vec<AbortHandle>,
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

    /// Number of answers that are still to come: of DNS for each name, and the first list of a block.
    pub(super) fn unanswered(&self) -> usize {
        let is_unanswered =
            |entry: &&ConfiguredBackend| matches!(entry, ConfiguredBackend::Named { answered: false, .. });
        self.entries.iter().filter(is_unanswered).count() + usize::from(self.is_awaited)
    }

    /// Resolves the names among the entries, and follows their changes.
    pub(super) fn follow_names(&mut self, upstream: &Arc<Upstream>, tasks: &UpstreamTasks) {
        for task in self.tasks.drain(..) {
            task.abort();
        }
        let generation = self.generation;
        for (index, entry) in self.entries.iter().enumerate() {
            let ConfiguredBackend::Named { name, .. } = entry else { continue };
            let (host, port, log) = (name.host.clone(), name.port, tasks.log.clone());
            let name = FollowedName { index, generation, host, port, log };
            let follow = refresh::follow(Arc::downgrade(upstream), name, tasks.dns.clone());
            self.tasks.push(tasks.handle.spawn(follow).abort_handle());
        }
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
        let old = std::mem::take(&mut listing.members).into_iter().zip(std::mem::take(&mut listing.entries));
        let mut left: Vec<_> = old.collect();
        let mut made: Vec<(usize, ConfiguredBackend)> = Vec::new();
        let mut entries: Vec<Option<ConfiguredBackend>> = Vec::with_capacity(members.len());
        for (index, member) in members.iter().enumerate() {
            let stays = left.iter().position(|(old, _)| old == member).map(|index| left.remove(index));
            if stays.is_none() {
                made.push((index, listing.entry(member, &self.fingerprint, &self.group)));
            }
            entries.push(stays.map(|(_, entry)| entry));
        }
        // A backend whose weight has changed, for example, is a new one with the state of the old one.
        let (places, mut new): (Vec<usize>, Vec<_>) = made.into_iter().unzip();
        let before: Vec<_> = left.into_iter().map(|(_, entry)| entry).collect();
        configured::carry_over(&mut new, &before, &self.group, true);
        for (index, entry) in places.into_iter().zip(new) {
            entries[index] = Some(entry);
        }
        listing.entries = entries.into_iter().flatten().collect();
        listing.members = members;
        listing.generation += 1;
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
        self.lister.is_none() && self.listing.lock().generation == 0
    }
}
