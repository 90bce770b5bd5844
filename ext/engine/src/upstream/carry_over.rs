//! Carry-over of upstreams and their backends: see [`crate::compiler::CarriedOver`] for all that a reload keeps.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::digest;
use rustls::pki_types::ServerName;

use super::by_host::ByHost;
use super::fingerprint::Fingerprint;
use super::settings::{Member, UpstreamSettings};
use super::Upstream;
use crate::blocks::BlockSet;
use crate::compile::LocationPath;
use crate::config::PoolConfig;

/// Makes the upstreams of a configuration, with what it carries over of the one before.
#[derive(Debug, Default)]
pub(crate) struct UpstreamCarryOver {
    before: Option<Arc<CarriedUpstreams>>,
    /// The upstreams made so far, for the next configuration.
    carried: CarriedUpstreams,
    resolver: Vec<String>,
    /// The Ruby blocks of the configuration.
    pub(super) blocks: BlockSet,
    /// Position of the directive that is being compiled.
    position: Option<Position>,
}

/// Position of a directive: the locations around it, its path prefix, and its number among those of which both are
/// equal.
#[derive(Debug, Clone, PartialEq)]
struct Position(LocationPath, Option<String>, usize);

/// The upstreams of one configuration.
#[derive(Debug, Default)]
pub(crate) struct CarriedUpstreams {
    upstreams: BTreeMap<Box<str>, Arc<Upstream>>,
    by_host: Vec<ByHost>,
    /// Upstreams without a name of their own, by the positions of their directives.
    unnamed: Vec<(Position, Arc<Upstream>)>,
}

impl UpstreamCarryOver {
    /// For a configuration with these DNS servers, in place of the one that `before` is of.
    pub(crate) fn new(before: Option<Arc<CarriedUpstreams>>, resolver: &[String], blocks: &BlockSet) -> Self {
        let (resolver, blocks) = (resolver.to_vec(), blocks.clone());
        Self { before, carried: CarriedUpstreams::default(), resolver, blocks, position: None }
    }

    /// Says where the directive stands that is compiled next.
    pub(super) fn enter(&mut self, place: &LocationPath, prefix: Option<&String>) {
        let is_same = |position: &Position| position.0 == *place && position.1.as_ref() == prefix;
        let number = self.carried.unnamed.iter().filter(|(position, _)| is_same(position)).count();
        self.position = Some(Position(place.clone(), prefix.cloned(), number));
    }

    /// The upstream of the configuration before that serves in place of one whose backends wait for their first good
    /// check.
    fn stand_in(&self, name: &str, shared: bool) -> Option<Arc<Upstream>> {
        let before = &self.before.as_ref()?;
        let served = match shared {
            true => before.upstreams.get(name).filter(|before| before.is_shared())?,
            false => before
                .unnamed
                .iter()
                .find(|(position, _)| Some(position) == self.position.as_ref())
                .map(|(_, it)| it)?,
        };
        served.until_checked()
    }

    /// All upstreams that were made.
    pub(super) fn take_carried(&mut self) -> CarriedUpstreams {
        std::mem::take(&mut self.carried)
    }

    /// The upstream that had the name before, if nothing of it has changed; otherwise a new one, with the backends that
    /// stay carried over.
    pub(super) fn upstream(
        &mut self,
        name: &str,
        shared: bool,
        (pool, members, scheme_tls): (&PoolConfig, &[Member], bool),
        settings: UpstreamSettings,
        server_name: Option<&ServerName<'static>>,
    ) -> Arc<Upstream> {
        let server_name_of = server_name.cloned();
        let fingerprint = Fingerprint {
            shared,
            server_name: server_name_of,
            scheme_tls,
            ..self.fingerprint(pool, members, &settings)
        };
        let upstream = match self.before.as_ref().and_then(|before| before.upstreams.get(name)) {
            Some(before) if *before.fingerprint() == fingerprint && before.is_as_written() => Arc::clone(before),
            before => {
                let is_checked = settings.rules.check.is_some();
                let upstream = Upstream::carry_over(before, name, shared, members, settings, server_name, fingerprint);
                if let Some(before) = self.stand_in(name, shared).filter(|_| is_checked && upstream.has_never_served())
                {
                    upstream.group().be_stood_in_for(before);
                }
                upstream
            }
        };
        if let (false, Some(position)) = (shared, self.position.take()) {
            self.carried.unnamed.push((position, Arc::clone(&upstream)));
        }
        self.carried.upstreams.insert(name.into(), Arc::clone(&upstream));
        upstream
    }

    /// The set of upstreams that hosts of requests name: the one before if nothing of it has changed, otherwise a new
    /// one.
    pub(super) fn by_host(&mut self, pool: &PoolConfig, settings: UpstreamSettings) -> ByHost {
        let fingerprint = self.fingerprint(pool, &[], &settings);
        let mut before = self.before.iter().flat_map(|before| &before.by_host);
        let same = before.find(|before| before.has_fingerprint(&fingerprint) && !self.carried.has(before));
        let by_host = same.cloned().unwrap_or_else(|| ByHost::of(fingerprint, settings));
        self.carried.by_host.push(by_host.clone());
        by_host
    }

    fn fingerprint(&self, pool: &PoolConfig, members: &[Member], settings: &UpstreamSettings) -> Fingerprint {
        let digest = |path: &str| {
            let bytes = crate::files::read(path).ok()?;
            Some(digest::digest(&digest::SHA256, &bytes).as_ref().to_vec())
        };
        Fingerprint {
            shared: false,
            members: members.to_vec(),
            server_name: None,
            scheme_tls: false,
            tls: settings.tls.is_some(),
            pool: pool.clone(),
            files: pool.connection_files().into_iter().map(|path| path.and_then(digest)).collect(),
            resolver: self.resolver.clone(),
        }
    }
}

impl Upstream {
    /// Ends the health checks and the calls of a block, once another configuration serves. Requests that are held here
    /// go to `next`, if there is one; those in flight finish.
    pub(super) fn retire(&self, next: Option<&Arc<Self>>) {
        self.group.retire();
        if let Some(task) = self.running.get().and_then(|tasks| tasks.lister.as_ref()) {
            task.abort();
        }
        if let Some(next) = next {
            let latest = self.latest.get_or_init(Arc::default);
            *latest.lock() = Arc::downgrade(next);
            let _ = next.latest.set(Arc::clone(latest));
            self.group.queue().wake();
        }
    }

    /// The upstream of the latest configuration in its place, if it is another one.
    pub(crate) fn successor(&self) -> Option<Arc<Self>> {
        let latest = self.latest.get()?.lock().upgrade()?;
        (!std::ptr::eq(self, &*latest)).then_some(latest)
    }

    /// Whether every backend misses its first good check.
    fn has_never_served(&self) -> bool {
        self.live.load().iter().all(|backend| backend.is_awaited())
    }

    /// The upstream of the configuration before that serves until a first good check here, if there is one.
    pub(crate) fn stand_in(&self) -> Option<Arc<Self>> {
        self.group.stand_in()?.downcast().ok()
    }

    /// The upstream that serves until a first good check here: itself, if there was one.
    fn until_checked(self: &Arc<Self>) -> Option<Arc<Self>> {
        match self.has_never_served() {
            true => self.stand_in(),
            false => Some(Arc::clone(self)),
        }
    }
}

impl CarriedUpstreams {
    fn has(&self, by_host: &ByHost) -> bool {
        self.by_host.iter().any(|other| other.is(by_host))
    }

    /// The upstream in `next` of the directive that `upstream` belongs to.
    fn in_place_of<'n>(&self, upstream: &Arc<Upstream>, next: &'n Self) -> Option<&'n Arc<Upstream>> {
        let (position, _) = self.unnamed.iter().find(|(_, it)| Arc::ptr_eq(it, upstream))?;
        next.unnamed.iter().find(|(other, _)| other == position).map(|(_, it)| it)
    }

    /// Stops the health checks of upstreams that `next` does not carry over. Requests in flight finish, and those that
    /// are held go to what is in the place of their upstream.
    pub(crate) fn retire(&self, next: &Self) {
        for (name, upstream) in &self.upstreams {
            let same_name = next.upstreams.get(name).filter(|next| next.is_shared() == upstream.is_shared());
            if !same_name.is_some_and(|next| Arc::ptr_eq(next, upstream)) {
                upstream.retire(if upstream.is_shared() { same_name } else { self.in_place_of(upstream, next) });
            }
            if !next.upstreams.contains_key(name) {
                // Nobody could end its pause by name.
                upstream.group().traffic().gate().open();
            }
        }
        for by_host in self.by_host.iter().filter(|by_host| !next.has(by_host)) {
            by_host.upstreams().iter().for_each(|upstream| upstream.group().retire());
        }
    }
}
