//! The life of one engine, held by a thread of its own.
//!
//! That thread starts the engine, waits for its end and drops it. So a Ruby thread waits on a condition that an
//! interrupt can wake too, and the garbage collector never waits.

use std::io;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use proxy_engine::block_sigpipe;
use proxy_engine::config::BackendConfig;
use proxy_engine::Admin;
use proxy_engine::Config;
use proxy_engine::{Server, StartError, Stats};
use proxy_engine::{SetBackendsError, SteeringError};

/// One engine, from before its start to after its end.
pub(super) struct Life {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

enum State {
    Starting { abandoned: bool },
    Failed(Option<StartError>),
    Running(Arc<Server>),
    Ended { urls: Vec<String>, stats: Stats, drained: bool },
}

/// Result of a wait.
pub(super) enum Waited {
    Happened,
    TimedOut,
    Interrupted,
}

/// One waiting Ruby thread. Its flag is only touched under the lock of the state, so no wake-up is lost.
#[derive(Default)]
pub(super) struct Waiter {
    interrupted: AtomicBool,
}

impl Life {
    /// Starts the thread that starts the engine.
    pub(super) fn begin(config: Config) -> Result<Self, StartError> {
        let shared =
            Arc::new(Shared { state: Mutex::new(State::Starting { abandoned: false }), changed: Condvar::new() });
        let theirs = Arc::clone(&shared);
        thread::Builder::new()
            .name("proxy-life".into())
            .spawn(move || {
                block_sigpipe();
                // A waiting thread must learn of a panic too.
                if catch_unwind(AssertUnwindSafe(|| theirs.live(config))).is_err() {
                    theirs
                        .become_state(State::Failed(Some(StartError::System(io::Error::other("the engine panicked")))));
                }
            })
            .map_err(StartError::System)?;
        Ok(Self { shared })
    }

    pub(super) fn wait_started(&self, deadline: Option<Instant>, waiter: &Waiter) -> Waited {
        self.shared.wait_until(deadline, waiter, |state| !matches!(state, State::Starting { .. }))
    }

    pub(super) fn wait_ended(&self, deadline: Option<Instant>, waiter: &Waiter) -> Waited {
        self.shared.wait_until(deadline, waiter, State::is_over)
    }

    /// Makes the wait of `waiter` return early.
    pub(super) fn interrupt(&self, waiter: &Waiter) {
        let _state = self.shared.lock();
        waiter.interrupted.store(true, Ordering::Relaxed);
        self.shared.changed.notify_all();
    }

    /// Reason why the engine did not start. It is returned only once.
    pub(super) fn start_error(&self) -> Option<StartError> {
        match &mut *self.shared.lock() {
            State::Failed(error) => error.take(),
            _ => None,
        }
    }

    pub(super) fn urls(&self) -> Vec<String> {
        match &*self.shared.lock() {
            State::Running(server) => server.urls(),
            State::Ended { urls, .. } => urls.clone(),
            State::Starting { .. } | State::Failed(_) => Vec::new(),
        }
    }

    pub(super) fn stats(&self) -> Stats {
        match &*self.shared.lock() {
            State::Running(server) => server.stats(),
            State::Ended { stats, .. } => stats.clone(),
            State::Starting { .. } | State::Failed(_) => Stats::default(),
        }
    }

    pub(super) fn set_state(&self, target: &str, state: Admin) -> Result<(), SteeringError> {
        match &*self.shared.lock() {
            State::Running(server) => server.set_state(target, state),
            State::Starting { .. } | State::Failed(_) | State::Ended { .. } => Ok(()),
        }
    }

    /// The engine, while it runs.
    pub(super) fn running(&self) -> Option<Arc<Server>> {
        match &*self.shared.lock() {
            State::Running(server) => Some(Arc::clone(server)),
            State::Starting { .. } | State::Failed(_) | State::Ended { .. } => None,
        }
    }

    pub(super) fn set_backends(&self, upstream: &str, backends: &[BackendConfig]) -> Result<(), SetBackendsError> {
        let server = match &*self.shared.lock() {
            State::Running(server) => Arc::clone(server),
            State::Starting { .. } | State::Failed(_) | State::Ended { .. } => return Ok(()),
        };
        server.set_backends(upstream, backends)
    }

    /// Reloads the engine with another configuration. The lock is not held meanwhile.
    pub(super) fn reload(&self, config: &Config) -> Result<(), StartError> {
        let server = self.running().ok_or(StartError::Stopped)?;
        // Warnings are already known from the check of the configuration.
        server.reload(config).map(drop)
    }

    pub(super) fn begin_stop(&self, limit: Option<Duration>) {
        if let State::Running(server) = &*self.shared.lock() {
            server.begin_stop(limit);
        }
    }

    pub(super) fn reopen_logs(&self) {
        if let Some(server) = self.running() {
            server.reopen_logs();
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.shared.lock().is_over()
    }

    /// Whether everything in flight finished before the end.
    pub(super) fn is_drained(&self) -> bool {
        match &*self.shared.lock() {
            State::Running(server) => server.is_drained(),
            State::Ended { drained, .. } => *drained,
            State::Starting { .. } | State::Failed(_) => true,
        }
    }

    /// Lets the engine drain and end by itself, when no caller will ask again.
    pub(super) fn abandon(&self) {
        match &mut *self.shared.lock() {
            State::Starting { abandoned } => *abandoned = true,
            State::Running(server) => server.begin_stop(None),
            State::Failed(_) | State::Ended { .. } => {}
        }
    }
}

impl Shared {
    /// Runs the engine, on its own thread.
    fn live(&self, config: Config) {
        let server = match Server::start(config) {
            Ok(server) => server,
            Err(error) => return self.become_state(State::Failed(Some(error))),
        };
        {
            let mut state = self.lock();
            if matches!(&*state, State::Starting { abandoned: true }) {
                server.begin_stop(Some(Duration::ZERO));
            }
            *state = State::Running(Arc::clone(&server));
        }
        self.changed.notify_all();
        server.wait(None);
        let (urls, stats, drained) = (server.urls(), server.stats(), server.is_drained());
        self.become_state(State::Ended { urls, stats, drained });
    }

    fn become_state(&self, state: State) {
        let before = std::mem::replace(&mut *self.lock(), state);
        self.changed.notify_all();
        drop(before);
    }

    fn wait_until(&self, deadline: Option<Instant>, waiter: &Waiter, happened: impl Fn(&State) -> bool) -> Waited {
        let mut state = self.lock();
        loop {
            if happened(&state) {
                return Waited::Happened;
            }
            if waiter.interrupted.load(Ordering::Relaxed) {
                return Waited::Interrupted;
            }
            state = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return Waited::TimedOut,
                Some(left) => self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }

    // No code that can panic runs under the lock, so a poisoned lock is as good as a sound one.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_over(&self) -> bool {
        matches!(self, State::Failed(_) | State::Ended { .. })
    }
}
