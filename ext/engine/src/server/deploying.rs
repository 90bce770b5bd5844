//! Deploys: new backends are checked, take the place of the old ones in one step, and the old ones drain.
//!
//! A deploy goes on through a reload: the change is made to the upstream that then has the name.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout_at, Instant};

use super::hand_over::Succession;
use super::steering::{Steering, SteeringError};
use super::{Server, UnknownBackend};
use crate::log::Level;
use crate::upstream::deployment::{Candidate, DeployConfig, DeployPlan, Finding};
use crate::upstream::steering::Unsteerable;
use crate::upstream::{Backend, Upstream};

/// Events that wait for somebody to read them. Later ones are left out, but for the last.
const MOST_EVENTS: usize = 1_024;
/// Time between two looks at what is still in flight at the old backends.
const LOOK: Duration = Duration::from_millis(50);
/// Pause after DNS has not answered.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// One step of a deploy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeployEvent {
    /// What has happened: `begun`, `checked` (a check has passed), `waiting` (a check has failed), `ready` (a backend
    /// is), `switched`, `draining`, then `done` or `failed`.
    pub step: &'static str,
    /// Name of the upstream.
    pub upstream: String,
    /// Backend that it is about. `None`: the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    /// The same for people.
    pub message: String,
    /// Why it has failed, with the last event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Seconds since the begin.
    pub elapsed: f64,
    /// The status of HTTP that says how it ended, with the last event: 200 if it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Revision of the upstream after it, if it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
}

/// A deploy that runs. It is given up if this is dropped before the new backends serve.
#[derive(Debug)]
pub struct DeployRun(mpsc::Receiver<DeployEvent>);

impl DeployRun {
    /// The next event, once there is one. `None` after the last, and if the server ends before.
    pub async fn next(&mut self) -> Option<DeployEvent> {
        self.0.recv().await
    }

    /// The next event, if there is one already. `Break` after the last one, and if the server has ended before.
    pub fn try_next(&mut self) -> ControlFlow<(), Option<DeployEvent>> {
        match self.0.try_recv() {
            Ok(event) => ControlFlow::Continue(Some(event)),
            Err(mpsc::error::TryRecvError::Empty) => ControlFlow::Continue(None),
            Err(mpsc::error::TryRecvError::Disconnected) => ControlFlow::Break(()),
        }
    }

    /// Waits for the next event. `None` after the last, and if the server ends before. Not for asynchronous code.
    pub fn wait(&mut self) -> Option<DeployEvent> {
        self.0.blocking_recv()
    }
}

/// The mark that an upstream has a deploy, until it is dropped.
struct DeployMark(Arc<Steering>, String);

impl Drop for DeployMark {
    fn drop(&mut self) {
        if let Ok(upstream) = self.0.snapshot.load().steerable(&self.1) {
            upstream.show_candidates(&[]);
        }
        self.0.deploys.lock().remove(&self.1);
    }
}

/// Tells of the steps, in the log and to who has asked for the deploy.
#[derive(Clone)]
struct Teller {
    steering: Arc<Steering>,
    upstream: String,
    begun: Instant,
    events: mpsc::Sender<DeployEvent>,
}

impl Teller {
    fn event(&self, step: &'static str, backend: Option<&str>, message: String) -> DeployEvent {
        let level = if matches!(step, "failed" | "waiting") { Level::Warn } else { Level::Info };
        self.steering.log.write(level, None, format_args!("deploy {}: {message}", self.upstream));
        let event = DeployEvent {
            step,
            upstream: self.upstream.clone(),
            backend: backend.map(str::to_owned),
            message,
            elapsed: self.begun.elapsed().as_secs_f64(),
            error: None,
            status: None,
            revision: None,
        };
        self.steering.snapshot.load().events.tell("deploy", || serde_json::json!(event));
        event
    }

    fn tell(&self, step: &'static str, backend: Option<&str>, message: String) {
        // Nobody reads, or not quickly enough. The log has it.
        let _ = self.events.try_send(self.event(step, backend, message));
    }
}

impl Server {
    /// Begins to put new backends in the place of those of an upstream, and returns what tells of it.
    ///
    /// Until every new one is ready, nothing changes. If one is not ready in time, the old ones stay.
    ///
    /// # Errors
    /// If no upstream has that name, if there is a mistake in the deploy, or if another one is under way there.
    pub fn deploy(&self, upstream: &str, deploy: &DeployConfig) -> Result<DeployRun, SteeringError> {
        self.steering.admit()?;
        if self.life.is_stopping() {
            return Err(SteeringError::Stopped);
        }
        self.steering.deploy(upstream, deploy)
    }
}

impl Steering {
    /// Returns once the server is stopping.
    async fn stops(&self) {
        match self.life.get() {
            Some(life) => life.stops().await,
            None => std::future::pending().await,
        }
    }

    fn named(&self, name: &str) -> Result<Arc<Upstream>, SteeringError> {
        let unknown = |names| UnknownBackend { kind: "upstream", target: name.to_owned(), names };
        self.snapshot.load().steerable(name).map_err(unknown).map_err(SteeringError::Unknown)
    }

    pub(super) fn deploy(self: &Arc<Self>, name: &str, deploy: &DeployConfig) -> Result<DeployRun, SteeringError> {
        let Some(background) = self.background.get() else { return Err(SteeringError::Stopped) };
        let upstream = self.named(name)?;
        if !self.deploys.lock().insert(name.to_owned()) {
            return Err(SteeringError::Conflict(format!("a deploy of {name} is under way: wait for its end")));
        }
        let mark = DeployMark(Arc::clone(self), name.to_owned());
        let plan = upstream.plan(deploy).map_err(|wrong| match wrong {
            Unsteerable::Mistakes(mistakes) => SteeringError::Mistakes(mistakes),
            Unsteerable::Conflict(why) => SteeringError::Conflict(why),
            Unsteerable::Unknown(names) => {
                SteeringError::Unknown(UnknownBackend { kind: "backend", target: name.to_owned(), names })
            }
        })?;
        let (events, read) = mpsc::channel(MOST_EVENTS);
        let teller = Teller { steering: Arc::clone(self), upstream: name.to_owned(), begun: Instant::now(), events };
        background.spawn(run(mark, teller, plan));
        Ok(DeployRun(read))
    }
}

async fn run(mark: DeployMark, teller: Teller, plan: DeployPlan) {
    let drain = (plan.drain, plan.tunnels);
    let prepared = prepare(&teller, plan).await;
    // Another one may begin as soon as the new backends serve: what drains is out of its way.
    drop(mark);
    let last = match prepared {
        Err((status, why)) => {
            let failed = teller.event("failed", None, format!("{why}; the backends are as they were"));
            DeployEvent { status: Some(status), error: Some(failed.message.clone()), ..failed }
        }
        Ok((old, revision)) => {
            let left = drained(&teller, &old, drain).await;
            let message = match left {
                (0, 0) => "nothing is in flight at the old backends any more".to_owned(),
                (requests, tunnels) => {
                    let [requests, tunnels] = [counted(requests, "request"), counted(tunnels, "tunnel")];
                    format!("{requests} and {tunnels} go on at the old backends")
                }
            };
            let done = teller.event("done", None, message);
            DeployEvent { status: Some(200), revision: Some(revision), ..done }
        }
    };
    let _ = teller.events.send(last).await;
}

/// Brings the new backends into service. The old ones that are busy, and the revision.
async fn prepare(teller: &Teller, mut plan: DeployPlan) -> Result<(Vec<Arc<Backend>>, u64), (u16, String)> {
    let deadline = teller.begun + plan.timeout;
    let names = plan.new.iter().map(|candidate| candidate.name.clone()).collect::<Vec<_>>().join(", ");
    let old = plan.old.iter().cloned().collect::<Vec<_>>().join(", ");
    let for_whom = if old.is_empty() { String::new() } else { format!(" in place of {old}") };
    teller.tell("begun", None, format!("{names} is checked{for_whom}"));
    let mut succession = teller.steering.succession.subscribe();
    let end = async {
        tokio::select! {
            biased;
            () = teller.events.closed() => (409, "it was given up: who asked for it is gone".to_owned()),
            Ok(done) = succession.wait_for(|succession| *succession == Succession::Done) => {
                (409, done.refusal().unwrap_or_default().to_owned())
            }
            () = teller.steering.stops() => (SteeringError::Stopped.status(), SteeringError::Stopped.to_string()),
            failure = removed(&teller.steering, &teller.upstream) => failure,
        }
    };
    tokio::pin!(end);
    tokio::select! {
        biased;
        failure = &mut end => return Err(failure),
        resolved = resolve(teller, &mut plan.new, deadline) => resolved.map_err(|why| (422, why))?,
    }
    let plan = Arc::new(plan);
    let mut checks = JoinSet::new();
    for candidate in &plan.new {
        for backend in candidate.backends() {
            checks.spawn(check(teller.clone(), Arc::clone(&plan), backend, deadline));
        }
    }
    loop {
        tokio::select! {
            biased;
            failure = &mut end => return Err(failure),
            checked = checks.join_next() => match checked {
                None => break,
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(why))) => {
                    return Err((422, format!("{why} (not ready within {:?})", plan.timeout)));
                }
                Some(Err(error)) => return Err((503, format!("a check has ended: {error}"))),
            },
        }
    }
    let switched = switch(&teller.steering, &teller.upstream, &plan)?;
    let verb = if plan.new.len() == 1 { "serves" } else { "serve" };
    teller.tell("switched", None, format!("{names} {verb} now{for_whom}"));
    Ok(switched)
}

/// The old backends that are still busy, and the revision.
type Switched = (Vec<Arc<Backend>>, u64);

/// Status and reason of a deploy that has failed.
type DeployFailure = (u16, String);

/// Waits until a reload takes the upstream away, and says so.
async fn removed(steering: &Steering, name: &str) -> DeployFailure {
    while steering.named(name).is_ok() {
        sleep(LOOK).await;
    }
    gone(name)
}

/// The failure of a deploy whose upstream is there no longer.
fn gone(name: &str) -> DeployFailure {
    (409, format!("a reload has removed the upstream {name}"))
}

/// Lets the new backends serve.
fn switch(steering: &Steering, name: &str, plan: &DeployPlan) -> Result<Switched, DeployFailure> {
    let _one_at_a_time = steering.hold();
    // What is changed now would end with this process.
    steering.admit().map_err(|refused| (refused.status(), refused.to_string()))?;
    if steering.life.get().is_some_and(|life| life.is_stopping()) {
        return Err((SteeringError::Stopped.status(), SteeringError::Stopped.to_string()));
    }
    let Ok(upstream) = steering.named(name) else { return Err(gone(name)) };
    let old = upstream.switch(&plan.old, &plan.new).map_err(|wrong| match wrong {
        Unsteerable::Mistakes(mistakes) => (422, mistakes.join("; ")),
        Unsteerable::Conflict(why) => (409, why),
        Unsteerable::Unknown(_) => (409, "a reload has changed the upstream meanwhile".to_owned()),
    })?;
    steering.keeper.changed();
    Ok((old, upstream.revision()))
}

/// Waits until every name has addresses.
async fn resolve(teller: &Teller, new: &mut [Candidate], deadline: Instant) -> Result<(), String> {
    let steering = Arc::clone(&teller.steering);
    for candidate in new.iter_mut() {
        let mut told = None;
        loop {
            let upstream = steering.named(&teller.upstream).map_err(|error| error.to_string())?;
            let dns = Arc::clone(steering.snapshot.load().dns());
            let why = match timeout_at(deadline, candidate.resolve(&upstream, &dns, &steering.log)).await {
                Ok(Ok(())) => break,
                Ok(Err(why)) => why,
                Err(_) => return Err(told.unwrap_or_else(|| format!("{}: DNS does not answer", candidate.name))),
            };
            if told.as_ref() != Some(&why) {
                teller.tell("waiting", Some(&candidate.name), why.clone());
            }
            told = Some(why.clone());
            if Instant::now() + ASK_AGAIN >= deadline {
                return Err(why);
            }
            sleep(ASK_AGAIN).await;
        }
    }
    if let Ok(upstream) = steering.named(&teller.upstream) {
        upstream.show_candidates(new);
    }
    Ok(())
}

async fn check(teller: Teller, plan: Arc<DeployPlan>, backend: Arc<Backend>, deadline: Instant) -> Result<(), String> {
    let label = backend.label();
    let found = |finding: &Finding| match finding {
        Finding::Passed(row, rise) if row == rise => teller.tell("ready", Some(label), format!("{label} is ready")),
        Finding::Passed(row, rise) => {
            teller.tell("checked", Some(label), format!("{label} has passed {row} of {rise} checks"));
        }
        Finding::Failed(why) => teller.tell("waiting", Some(label), why.clone()),
    };
    plan.check(&backend, deadline, found).await
}

/// Waits until nothing is in flight at the old backends, for as long as that may take. Requests and tunnels that are
/// left.
async fn drained(teller: &Teller, old: &[Arc<Backend>], (drain, tunnel): (Duration, Duration)) -> (u64, u64) {
    let begun = Instant::now();
    let mut told = (0, 0);
    loop {
        // Also before the first look: a request may just have chosen one of them.
        sleep(LOOK).await;
        let requests: u64 = old.iter().map(|backend| backend.in_flight()).sum();
        let tunnels: u64 = old.iter().map(|backend| backend.tunnels()).sum();
        let goes_on = !teller.steering.life.get().is_some_and(|life| life.is_stopping());
        let may_wait = goes_on && (requests > 0 && begun.elapsed() < drain || tunnels > 0 && begun.elapsed() < tunnel);
        if !may_wait {
            return (requests, tunnels);
        }
        if (requests, tunnels) != told {
            told = (requests, tunnels);
            let [requests, tunnels] = [counted(requests, "request"), counted(tunnels, "tunnel")];
            teller.tell("draining", None, format!("{requests} and {tunnels} are in flight at the old backends"));
        }
    }
}

fn counted(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}
