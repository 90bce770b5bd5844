//! The server's threads: one accepts and runs the background tasks, the others serve.

mod accepting;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{mpsc, watch, Semaphore};
use tokio::task::LocalSet;
use tokio::time::Instant;

use accepting::{accept, AcceptLoops};

use super::lifecycle::{Lifecycle, StopDeadlines, StopOrder};
use crate::access_log::UnwrittenLog;
use crate::control_api::ControlApi;
use crate::descriptors::Descriptors;
use crate::downstream::adoption::AdoptedConnection;
use crate::downstream::connection;
use crate::downstream::listener::{ConnectionLimit, Listener, RawConnection, Threads, Work};
use crate::fork::Stopping;
use crate::fork_safe::Mutex;
use crate::listen::binds::Bind;
use crate::listen::BindKey;
use crate::listening_socket::ListeningSocket;
use crate::log::Log;
use crate::metrics::{Counters, ThreadNumber};
use crate::output::block_sigpipe;
use crate::panics::enduring;
use crate::runtime_state::keeper::StateKeeper;
use crate::snapshot::{Settings, Snapshot};
use crate::worker::Worker;

/// Time that a stopping server waits for its access log to be written.
const LOG_PATIENCE: Duration = Duration::from_secs(5);
/// Time that a stopping server waits for its own log to be written.
const SAID_PATIENCE: Duration = Duration::from_millis(500);

/// Time for a question to the background tasks.
const ASKED_WITHIN: Duration = Duration::from_secs(60);

/// The threads of a running server, as a reload sees them.
#[derive(Debug)]
pub(super) struct ServerHandle {
    /// Runtime of the background tasks.
    pub(super) background: Handle,
    pub(super) permits: Arc<Semaphore>,
    /// Open files and their limit at the start.
    pub(super) descriptors: Descriptors,
    /// The engine threads, while they take connections.
    pub(super) threads: Weak<Threads>,
    changes: mpsc::UnboundedSender<Change>,
    news: watch::Sender<()>,
    /// Access logs that a reload replaced.
    old_logs: Arc<Mutex<Vec<UnwrittenLog>>>,
}

/// A change to one address where the server listens.
#[derive(Debug)]
pub(super) enum Change {
    /// A new address.
    Listen(Listener),
    /// An address that stays, with its new options.
    Keep(Arc<Bind>),
    /// An address that goes. The other end of the channel learns when the socket is closed.
    Leave(BindKey, std::sync::mpsc::Sender<Infallible>),
    /// Copies of all sockets are wanted.
    Copy(std::sync::mpsc::Sender<(Arc<Bind>, ListeningSocket)>),
}

impl ServerHandle {
    /// Applies the change, unless the server is about to stop listening.
    pub(super) fn change(&self, change: Change) {
        let _ = self.changes.send(change);
    }

    /// What a future of the background comes to. `None` if the server ends before, or if it takes too long.
    pub(super) fn ask<T: Send + 'static>(&self, question: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let (reply, answer) = std::sync::mpsc::channel();
        self.background.spawn(async move {
            let _ = reply.send(question.await);
        });
        answer.recv_timeout(ASKED_WITHIN).ok()
    }

    /// Tells the engine threads about another configuration. A thread without requests would not look by itself.
    pub(super) fn tell(&self) {
        self.news.send_replace(());
    }

    #[cfg(test)]
    pub(super) fn old_logs(&self) -> &Mutex<Vec<UnwrittenLog>> {
        &self.old_logs
    }

    /// Makes the end of the server wait for the rest of that log.
    pub(super) fn wait_for_log(&self, rest: UnwrittenLog) {
        let mut logs = self.old_logs.lock();
        logs.retain(|log| !log.is_written());
        logs.push(rest);
    }
}

/// Everything that the threads need to start.
pub(super) struct Workers<'a> {
    pub(super) snapshot: Arc<ArcSwap<Snapshot>>,
    pub(super) settings: &'a Settings,
    pub(super) listeners: Vec<Listener>,
    /// Keeps the state of run time, and is closed in the end.
    pub(super) keeper: Arc<StateKeeper>,
    pub(super) control_api: Arc<ControlApi>,
}

impl Workers<'_> {
    /// Starts the threads. If one cannot be started, those before it end again.
    pub(super) fn start(self) -> io::Result<(Arc<Lifecycle>, Vec<Arc<Counters>>, ServerHandle)> {
        let (life, orders) = Lifecycle::new();
        let started = self.start_all(&life, &orders);
        if started.is_err() {
            life.begin_stop(Duration::ZERO, Duration::ZERO);
        }
        started.map(|(counters, control)| (life, counters, control))
    }

    fn start_all(
        self,
        life: &Arc<Lifecycle>,
        orders: &watch::Receiver<StopOrder>,
    ) -> io::Result<(Vec<Arc<Counters>>, ServerHandle)> {
        let log = &self.settings.log;
        let (background, stopping) = runtime()?;
        let snapshot = self.snapshot.load_full();
        snapshot.start(background.handle(), log);
        if let Some(access_log) = &snapshot.globals.access_log {
            access_log.start(log)?;
        }
        drop(snapshot);
        let (news, heard) = watch::channel(());
        let mut inboxes = Vec::with_capacity(self.settings.threads);
        let (serving, all_served) = mpsc::channel(1);
        for number in 0..self.settings.threads {
            let (sender, inbox) = mpsc::unbounded_channel();
            let counters = Arc::new(Counters::of(ThreadNumber(number)));
            inboxes.push((sender, counters.clone()));
            let (runtime, snapshot, log, orders) = (runtime()?, self.snapshot.clone(), log.clone(), orders.clone());
            let (serving, heard) = (serving.clone(), heard.clone());
            spawn(life, format!("proxy-engine-{number}"), move || {
                let _serving = serving;
                serve(runtime, snapshot, counters, log, inbox, orders, heard)
            })?;
        }
        let counters = inboxes.iter().map(|(_, counters)| counters.clone()).collect();
        let threads = Arc::new(Threads { inboxes });
        let descriptors = Descriptors::now();
        let most = descriptors.clients(self.settings.max_connections).min(Semaphore::MAX_PERMITS);
        let permits = Arc::new(Semaphore::new(most));
        let guests = Arc::new(Semaphore::new(descriptors.guests()));
        let (changes, changed) = mpsc::unbounded_channel();
        let old_logs = Arc::default();
        let control = ServerHandle {
            background: background.handle().clone(),
            permits: permits.clone(),
            descriptors,
            threads: Arc::downgrade(&threads),
            changes,
            news,
            old_logs: Arc::clone(&old_logs),
        };
        for listener in self.listeners {
            control.change(Change::Listen(listener));
        }
        let (snapshot, log, said, orders) = (self.snapshot, log.clone(), log.clone(), orders.clone());
        let (control_api, keeper) = (self.control_api, self.keeper);
        let of_thread = Arc::clone(life);
        spawn(life, "proxy-accept".into(), move || {
            drop(serving);
            let places = ConnectionLimit { permits, guests, threads, log };
            let exporters = Arc::clone(&snapshot.load().exporters);
            let loops = AcceptLoops { places, open: Vec::new() };
            let rest = (all_served, &*exporters, &*said);
            accept((background, stopping), loops, changed, orders, rest, control_api, of_thread);
            keeper.close();
            // Every engine thread has ended by now. What they logged should be written before the process ends.
            let end = Instant::now() + LOG_PATIENCE;
            snapshot.load().zones().rest(LOG_PATIENCE);
            if let Some(access_log) = &snapshot.load().globals.access_log {
                access_log.close(LOG_PATIENCE);
            }
            for log in old_logs.lock().iter() {
                log.close(end.saturating_duration_since(Instant::now()));
            }
            said.flush(SAID_PATIENCE);
            false
        })?;
        Ok((counters, control))
    }
}

fn runtime() -> io::Result<(Runtime, Stopping)> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let entered = runtime.enter();
    let stopping = Stopping::new();
    drop(entered);
    Ok((runtime, stopping))
}

/// Starts a thread that is counted while it lives, however it ends.
fn spawn(life: &Arc<Lifecycle>, name: String, body: impl FnOnce() -> bool + Send + 'static) -> io::Result<()> {
    life.thread_begins();
    let of_thread = life.clone();
    let started = thread::Builder::new().name(name).spawn(move || {
        block_sigpipe();
        let cut = std::panic::catch_unwind(AssertUnwindSafe(body)).unwrap_or(true);
        of_thread.thread_ended(cut);
    });
    if started.is_err() {
        life.thread_ended(false);
    }
    started.map(drop)
}

/// Body of an engine thread. `true` if connections had to be cut off in the end.
fn serve(
    (runtime, stopping): (Runtime, Stopping),
    snapshot: Arc<ArcSwap<Snapshot>>,
    counters: Arc<Counters>,
    log: Arc<Log>,
    mut inbox: mpsc::UnboundedReceiver<Work>,
    mut orders: watch::Receiver<StopOrder>,
    news: watch::Receiver<()>,
) -> bool {
    let worker = Worker::new(snapshot, counters, log);
    let local = LocalSet::new();
    let cut = local.block_on(&runtime, async {
        tokio::task::spawn_local(stopping.run());
        begin_upkeep(&worker, news);
        // The inbox closes once nothing is accepted any more, so every accepted connection is served like the others in
        // flight.
        while let Some(work) = inbox.recv().await {
            match work {
                Work::Serve(raw) => serve_connection(&worker, raw),
                Work::Adopt(adopted) => serve_adopted(&worker, *adopted),
                Work::LongestIdle(number, answers) => {
                    let _ = worker.longest_idle().map(|since| answers.send((since, number)));
                }
                Work::CloseLongestIdle => {
                    worker.close_longest_idle();
                }
                Work::Pulse(pulse) => pulse.beat(),
            }
        }
        worker.drain();
        // A server that stops without an order has a moment at most.
        if !orders.borrow().is_some_and(|order| order.idle > Instant::now()) {
            worker.close_idle();
        }
        wait_until_empty(&worker, &mut orders).await
    });
    if cut {
        worker.cut_off();
    }
    // Dropping the tasks closes the remaining connections. The last owner of the worker hands on its access log lines.
    drop(local);
    // A password that is still being verified has no more use.
    runtime.shutdown_background();
    cut
}

/// Begins what a thread does beside its connections.
fn begin_upkeep(worker: &Rc<Worker>, news: watch::Receiver<()>) {
    fn keep_up<F>(what: &'static str, worker: &Rc<Worker>, work: impl Fn(Rc<Worker>) -> F + 'static)
    where
        F: Future<Output = ()> + 'static,
    {
        let (own, log) = (Rc::clone(worker), Arc::clone(&worker.log));
        tokio::task::spawn_local(enduring(what, log, move || work(Rc::clone(&own))));
    }
    keep_up("the care of idle connections", worker, |worker| async move { worker.pool.run_janitor().await });
    keep_up("the flush of the access log", worker, |worker| async move { worker.run_access_log().await });
    keep_up("the flush of spans", worker, |worker| async move { worker.run_spans().await });
    keep_up("the sending of copies", worker, Worker::send_copies);
    keep_up("the work for caches", worker, Worker::serve_caches);
    keep_up("the look for a new configuration", worker, move |worker| {
        let mut news = news.clone();
        async move {
            while news.changed().await.is_ok() {
                worker.take_newest();
            }
        }
    });
}

/// Serves one connection in its own task. A panic ends only that connection.
fn serve_connection(worker: &Rc<Worker>, raw: RawConnection) {
    match raw.accept() {
        Ok(accepted) => {
            // Registered before its task first runs, so that a draining thread counts it.
            let registration = worker.register();
            tokio::task::spawn_local(connection::serve(worker.clone(), accepted, registration));
        }
        Err(error) => {
            worker.counters.connection_closed();
            worker.log.warn(format_args!("a connection was lost: {error}"));
        }
    }
}

/// Serves a connection that another server has handed over, like one that was accepted here.
fn serve_adopted(worker: &Rc<Worker>, adopted: AdoptedConnection) {
    match adopted.accept() {
        Ok(accepted) => {
            let registration = worker.register();
            tokio::task::spawn_local(connection::serve_adopted(worker.clone(), accepted, registration));
        }
        Err(error) => {
            worker.counters.connection_closed();
            worker.log.warn(format_args!("a connection was lost: {error}"));
        }
    }
}

/// Waits for the last connection until the deadline of the order, which a later order may shorten. `true` if time ran
/// out.
async fn wait_until_empty(worker: &Worker, orders: &mut watch::Receiver<StopOrder>) -> bool {
    loop {
        let order = *orders.borrow_and_update();
        let end = order.unwrap_or_else(|| StopDeadlines::of(Duration::ZERO, Duration::ZERO));
        worker.long_lived.end_at(end.long_lived);
        tokio::select! {
            biased;
            () = worker.wait_for_connections() => return false,
            () = tokio::time::sleep_until(end.idle), if !worker.closes_idle() => worker.close_idle(),
            () = tokio::time::sleep_until(end.all) => return true,
            changed = orders.changed() => if changed.is_err() { return true },
        }
    }
}

#[cfg(test)]
mod tests;
