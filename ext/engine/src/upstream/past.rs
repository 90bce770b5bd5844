//! Upstreams that live on when a configuration takes another's place.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::digest;
use rustls::pki_types::ServerName;

use super::by_host::ByHost;
use super::terms::{Member, Terms};
use super::Upstream;
use crate::compile::Place;
use crate::config::Pool;

/// The upstreams of a configuration, those of the one before it, and how the former come from the latter.
#[derive(Debug, Default)]
pub(crate) struct Past {
    before: Option<Arc<Made>>,
    made: Made,
    resolver: Vec<String>,
    /// Where the directive stands that is being compiled.
    spot: Option<Spot>,
}

/// Where a directive stands: the locations around it, its prefix, and how many before it have both in common.
#[derive(Debug, Clone, PartialEq)]
struct Spot(Place, Option<String>, usize);

/// The upstreams of one configuration.
#[derive(Debug, Default)]
pub(crate) struct Made {
    upstreams: HashMap<Box<str>, Arc<Upstream>>,
    by_host: Vec<ByHost>,
    /// Those that have no name of their own, by the places of their directives.
    spots: Vec<(Spot, Arc<Upstream>)>,
}

/// What an upstream is made of. Two of which all of it is equal are the same.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Recipe {
    shared: bool,
    members: Vec<Member>,
    server_name: Option<ServerName<'static>>,
    /// Whether TLS is set up.
    tls: bool,
    pool: Pool,
    /// What stood in the files that `pool` names.
    files: Vec<Option<Vec<u8>>>,
    resolver: Vec<String>,
}

impl Past {
    /// For a configuration with these DNS servers, after one of which `before` lasts.
    pub(crate) fn new(before: Option<Arc<Made>>, resolver: &[String]) -> Self {
        Self { before, made: Made::default(), resolver: resolver.to_vec(), spot: None }
    }

    /// The directive that is compiled next stands there.
    pub(super) fn enter(&mut self, place: &Place, prefix: Option<&String>) {
        let alike = |spot: &Spot| spot.0 == *place && spot.1.as_ref() == prefix;
        let number = self.made.spots.iter().filter(|(spot, _)| alike(spot)).count();
        self.spot = Some(Spot(place.clone(), prefix.cloned(), number));
    }

    /// Who served so far what an upstream is for that checks are to find well first.
    fn stand_in(&self, name: &str, shared: bool) -> Option<Arc<Upstream>> {
        let before = &self.before.as_ref()?;
        let served = match shared {
            true => before.upstreams.get(name).filter(|before| before.is_shared())?,
            false => before.spots.iter().find(|(spot, _)| Some(spot) == self.spot.as_ref()).map(|(_, it)| it)?,
        };
        served.until_checked()
    }

    /// What was made.
    pub(super) fn take_made(&mut self) -> Made {
        std::mem::take(&mut self.made)
    }

    /// The upstream that had the name before, if nothing of it has changed; otherwise a new one, to which those of its backends
    /// that stay are not new.
    pub(super) fn upstream(
        &mut self,
        name: &str,
        shared: bool,
        (pool, members): (&Pool, &[Member]),
        terms: Terms,
        server_name: Option<&ServerName<'static>>,
    ) -> Arc<Upstream> {
        let recipe = Recipe { shared, server_name: server_name.cloned(), ..self.recipe(pool, members, &terms) };
        let upstream = match self.before.as_ref().and_then(|before| before.upstreams.get(name)) {
            Some(before) if *before.recipe() == recipe => Arc::clone(before),
            before => {
                let before = before.map(|before| &**before);
                let is_checked = terms.rules.check.is_some();
                let upstream = Upstream::after(before, name, shared, members, terms, server_name, recipe);
                if let Some(before) = self.stand_in(name, shared).filter(|_| is_checked && upstream.has_never_served())
                {
                    upstream.fleet().be_stood_in_for(before);
                }
                upstream
            }
        };
        if let (false, Some(spot)) = (shared, self.spot.take()) {
            self.made.spots.push((spot, Arc::clone(&upstream)));
        }
        self.made.upstreams.insert(name.into(), Arc::clone(&upstream));
        upstream
    }

    /// The same for upstreams that hosts of requests name.
    pub(super) fn by_host(&mut self, pool: &Pool, terms: Terms) -> ByHost {
        let recipe = self.recipe(pool, &[], &terms);
        let mut before = self.before.iter().flat_map(|before| &before.by_host);
        let same = before.find(|before| before.is_made_of(&recipe) && !self.made.has(before));
        let by_host = same.cloned().unwrap_or_else(|| ByHost::of(recipe, terms));
        self.made.by_host.push(by_host.clone());
        by_host
    }

    fn recipe(&self, pool: &Pool, members: &[Member], terms: &Terms) -> Recipe {
        let digest = |path: &str| {
            let bytes = crate::files::read(path).ok()?;
            Some(digest::digest(&digest::SHA256, &bytes).as_ref().to_vec())
        };
        Recipe {
            shared: false,
            members: members.to_vec(),
            server_name: None,
            tls: terms.tls.is_some(),
            pool: pool.clone(),
            files: pool.connection_files().into_iter().map(|path| path.and_then(digest)).collect(),
            resolver: self.resolver.clone(),
        }
    }
}

impl Made {
    fn has(&self, by_host: &ByHost) -> bool {
        self.by_host.iter().any(|other| other.is(by_host))
    }

    /// Ends the checks of all that a later configuration, which made `next`, does not use: its own take their place. Their requests in
    /// flight finish.
    pub(crate) fn retire(&self, next: &Self) {
        for (name, upstream) in &self.upstreams {
            if !next.upstreams.get(name).is_some_and(|next| Arc::ptr_eq(next, upstream)) {
                upstream.fleet().retire();
            }
        }
        for by_host in self.by_host.iter().filter(|by_host| !next.has(by_host)) {
            by_host.upstreams().iter().for_each(|upstream| upstream.fleet().retire());
        }
    }
}

impl Recipe {
    /// Whether connections to a backend are the same by both: what is said of how backends are chosen and checked, and of how many
    /// connections there may be, does not concern the connections themselves.
    pub(super) fn connects_like(&self, other: &Self) -> bool {
        self.files == other.files && self.pool.connects_like(&other.pool)
    }

    /// Whether active checks are the same by both.
    pub(super) fn checks_like(&self, other: &Self) -> bool {
        self.pool.health_check == other.pool.health_check
    }

    /// Whether there are passive checks.
    pub(super) fn counts_failures(&self) -> bool {
        self.pool.max_fails > 0
    }

    /// Whether a backend is chosen by the same rule.
    pub(super) fn chooses_like(&self, other: &Self) -> bool {
        self.pool.backend_priority == other.pool.backend_priority
    }
}
