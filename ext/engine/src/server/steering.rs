//! Changes of backends while the server runs, one after the other, and what of them outlives the process.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::hand_over::Succession;
use super::lifecycle::Lifecycle;
use super::{Server, SetBackendsError, UnknownBackend};
use crate::config::BackendConfig;
use crate::fork_safe::Mutex;
use crate::log::Log;
use crate::runtime_state::keeper::StateKeeper;
use crate::snapshot::{Settings, Snapshot, WrongList};
use crate::upstream::steering::{BackendChange, Unsteerable};
use crate::upstream::{Admin, Upstream};

/// Why backends were not changed. They are as they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SteeringError {
    /// Nothing has the requested name.
    Unknown(UnknownBackend),
    /// All mistakes in what was asked for.
    Mistakes(Vec<String>),
    /// It does not go together with what is there: such a backend is there already, or a deploy is under way. Or
    /// another process takes the place of this one.
    Conflict(String),
    /// Somebody has changed the upstream since the revision that was named; this is the one now.
    Outdated(u64),
    /// The server is stopping or has stopped.
    Stopped,
}

impl SteeringError {
    /// The status code of HTTP that says so.
    pub fn status(&self) -> u16 {
        match self {
            Self::Unknown(_) => 404,
            Self::Conflict(_) => 409,
            Self::Outdated(_) => 412,
            Self::Mistakes(_) => 422,
            Self::Stopped => 503,
        }
    }
}

impl std::fmt::Display for SteeringError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown(unknown) => unknown.fmt(f),
            Self::Mistakes(mistakes) => f.write_str(&mistakes.join("; ")),
            Self::Conflict(why) => f.write_str(why),
            Self::Outdated(revision) => {
                write!(f, "somebody has changed the upstream meanwhile: look at it, and name the revision {revision}")
            }
            Self::Stopped => f.write_str("the server is stopping"),
        }
    }
}

impl std::error::Error for SteeringError {}

/// What changes backends at run time. The server and its deploys share it.
#[derive(Debug)]
pub(super) struct Steering {
    pub(super) snapshot: Arc<ArcSwap<Snapshot>>,
    pub(super) log: Arc<Log>,
    pub(super) keeper: Arc<StateKeeper>,
    /// Held during a change, and while a reload takes effect: a change would reach only one of two configurations.
    order: Mutex<()>,
    /// Upstreams with a deploy.
    pub(super) deploys: Mutex<BTreeSet<String>>,
    /// Runtime of the background tasks.
    pub(super) background: OnceLock<Handle>,
    pub(super) life: OnceLock<Arc<Lifecycle>>,
    /// Changed while `order` is held, but for its end without a successor.
    pub(super) succession: watch::Sender<Succession>,
}

impl Steering {
    /// For a server that is about to start: with what its predecessor has left in the file. `is_told`: the predecessor
    /// has told the same, and perhaps more.
    pub(super) fn new(snapshot: &Arc<ArcSwap<Snapshot>>, settings: &Settings, is_told: bool) -> Arc<Self> {
        let source = Arc::clone(snapshot);
        let keeper = StateKeeper::new(&settings.log, move || source.load().runtime_state());
        if let Some(state) = settings.state.as_deref().and_then(|path| keeper.open(path, is_told)) {
            if !is_told {
                snapshot.load().take_runtime_state(state, &settings.log);
            }
            // What of it was lost is in the file no longer.
            keeper.changed();
        }
        if is_told {
            // The predecessor may have kept it elsewhere, or nowhere.
            keeper.changed();
        }
        Arc::new(Self {
            snapshot: Arc::clone(snapshot),
            log: Arc::clone(&settings.log),
            keeper,
            order: Mutex::default(),
            deploys: Mutex::default(),
            background: OnceLock::new(),
            life: OnceLock::new(),
            succession: watch::Sender::default(),
        })
    }

    /// Keeps the file of the state up to date from now on.
    pub(super) fn start(&self, background: &Handle, life: &Arc<Lifecycle>) {
        let _ = self.life.set(Arc::clone(life));
        let _ = self.background.set(background.clone());
        self.keeper.start(background);
    }

    /// Lets nobody change anything until the guard is dropped.
    pub(super) fn hold(&self) -> std::sync::MutexGuard<'_, ()> {
        self.order.lock()
    }

    /// Refuses a change that another process, which takes the place of this one, would not know.
    pub(super) fn admit(&self) -> Result<(), SteeringError> {
        match self.succession.borrow().refusal() {
            Some(why) => Err(SteeringError::Conflict(why.into())),
            None => Ok(()),
        }
    }

    /// Another configuration is in use.
    pub(super) fn reloaded(&self, snapshot: &Snapshot, state: Option<&Path>) {
        snapshot.each_steerable(&mut |upstream| upstream.tell_of_reload());
        self.keeper.move_to(state);
        self.keeper.changed();
    }

    pub(super) fn set_state(&self, target: &str, state: Admin) -> Result<(), SteeringError> {
        let unknown = |names| UnknownBackend { kind: "backend", target: target.to_owned(), names };
        let _one_at_a_time = self.hold();
        self.admit()?;
        let snapshot = self.snapshot.load();
        snapshot.set_admin(target, state).map_err(unknown).map_err(SteeringError::Unknown)?;
        let name = target.split('/').next().unwrap_or_default();
        let _ = snapshot.steerable(name).map(|upstream| upstream.revise());
        self.keeper.changed();
        Ok(())
    }

    pub(super) fn set_backends(&self, upstream: &str, backends: &[BackendConfig]) -> Result<(), SetBackendsError> {
        let _one_at_a_time = self.hold();
        if let Some(why) = self.succession.borrow().refusal() {
            return Err(SetBackendsError::Refused(why));
        }
        let listed = self.snapshot.load().list_backends(upstream, backends);
        self.keeper.changed();
        listed.map_err(|wrong| match wrong {
            WrongList::Unknown(names) => {
                SetBackendsError::Unknown(UnknownBackend { kind: "upstream", target: upstream.to_owned(), names })
            }
            WrongList::Mistakes(mistakes) => SetBackendsError::Mistakes(mistakes),
        })
    }

    /// Changes the upstream that a target names: `UPSTREAM/BACKEND` or `UPSTREAM`.
    fn steer(
        &self,
        target: &str,
        revision: Option<u64>,
        change: impl FnOnce(&Arc<Upstream>, Option<&str>) -> Result<u64, Unsteerable>,
    ) -> Result<u64, SteeringError> {
        let (name, backend) = target.split_once('/').map_or((target, None), |(name, rest)| (name, Some(rest)));
        let kind = if backend.is_some() { "backend" } else { "upstream" };
        let unknown = |names| SteeringError::Unknown(UnknownBackend { kind, target: target.to_owned(), names });
        let _one_at_a_time = self.hold();
        self.admit()?;
        let upstream = self.snapshot.load().steerable(name).map_err(unknown)?;
        let now = upstream.revision();
        if revision.is_some_and(|revision| revision != now) {
            return Err(SteeringError::Outdated(now));
        }
        let revision = change(&upstream, backend).map_err(|wrong| match wrong {
            Unsteerable::Unknown(names) => unknown(names),
            Unsteerable::Mistakes(mistakes) => SteeringError::Mistakes(mistakes),
            Unsteerable::Conflict(why) => SteeringError::Conflict(why),
        })?;
        self.keeper.changed();
        Ok(revision)
    }
}

impl Server {
    /// Changes state, weight or limit of one backend (`UPSTREAM/BACKEND`) or of all backends of an upstream
    /// (`UPSTREAM`), until the configuration says something else of it. The revision of the upstream after that.
    ///
    /// `revision`: the one that the change is meant for. `None`: any.
    ///
    /// # Errors
    /// If none has that name, if the change has mistakes, or if the upstream has another revision.
    pub fn change_backend(
        &self,
        target: &str,
        change: &BackendChange,
        revision: Option<u64>,
    ) -> Result<u64, SteeringError> {
        let change = change.check().map_err(SteeringError::Mistakes)?;
        self.steering.steer(target, revision, |upstream, backend| upstream.change(backend, &change))
    }

    /// Adds a backend to an upstream, until the configuration lists it. It gets requests at once, unless `state` says
    /// otherwise. The revision of the upstream after that.
    ///
    /// # Errors
    /// As for [`Server::change_backend`], and if the backend is there already.
    pub fn add_backend(
        &self,
        upstream: &str,
        backend: &BackendConfig,
        state: Option<Admin>,
        revision: Option<u64>,
    ) -> Result<u64, SteeringError> {
        self.steering.steer(upstream, revision, |upstream, _| upstream.add(backend, state))
    }

    /// Removes a backend (`UPSTREAM/BACKEND`), until the configuration no longer lists it. It gets no new request, and
    /// requests in flight finish there. The revision of the upstream after that.
    ///
    /// # Errors
    /// As for [`Server::change_backend`].
    pub fn remove_backend(&self, target: &str, revision: Option<u64>) -> Result<u64, SteeringError> {
        self.steering.steer(target, revision, |upstream, backend| match backend {
            Some(backend) => upstream.remove(backend),
            None => Err(Unsteerable::Mistakes(vec![format!(
                "{target:?} is a whole upstream: write the backend too, as in \"{target}/127.0.0.1:3001\""
            )])),
        })
    }

    /// The revision of an upstream, which rises with each change of its backends at run time. `None` if there is no
    /// such upstream.
    pub fn revision(&self, upstream: &str) -> Option<u64> {
        self.steering.snapshot.load().steerable(upstream).ok().map(|upstream| upstream.revision())
    }

    /// Writes changes of run time that are not in the file of the state yet, and lets another process have it: the one
    /// that takes the place of this one. Changes after that are not kept.
    pub fn release_state(&self) {
        self.steering.keeper.close();
    }
}
