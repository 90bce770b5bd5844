//! Who orders when: keeps every written name in a certificate, and answers demands for others.
//!
//! Everything that decides is in storage, and is read again under the lock of the certificate: so that several
//! instances, and processes that end at any moment, order once. The table in memory only says when to look.

mod attempt;
mod budget;
mod demands;
mod refusals;
mod table;
mod visit;
mod wishes;

use std::fmt::Arguments;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, Notify};
use tokio::task::AbortHandle;
use tokio::time::{sleep, Instant};

use super::directive::Acme;
use crate::certificates::info::CertificateInfo;
use crate::certificates::managed::ManagedSettings;
use crate::certificates::record::{CertificateState, STATES};
use crate::clock::time_of_day;
use crate::events::EventHub;
use crate::log::Log;
use crate::panics::{enduring, enduring_with, StatefulWork};
use crate::storage::StorageError;
use budget::OrderBudget;
use demands::{DemandCosts, Demanded};
use table::{KeptCertificate, KeptTable};
use visit::Visit;

/// Certificates that are looked after at once.
const VISITS: usize = 32;
/// Longest time between two looks at the time of day, which may jump.
const GLANCE: Duration = Duration::from_secs(15);
/// Time between two looks at a certificate that somebody else looks after.
const GLIMPSE: Duration = Duration::from_millis(50);
/// Certificates on demand that are first looked at in a second after the start.
const FIRST_LOOKS: u32 = 200;
/// Time between two lines about storage that say the same.
const SAID: Duration = Duration::from_secs(60);

/// A running keeper. It goes on through reloads, with another [`Acme`].
#[derive(Debug, Default)]
pub(crate) struct Keeper {
    state: Arc<KeeperState>,
    /// Tasks of the configuration that is in use. Orders run in tasks of their own and go on.
    tasks: Mutex<Vec<AbortHandle>>,
}

/// What all tasks share.
#[derive(Debug, Default)]
struct KeeperState {
    table: Mutex<KeptTable>,
    /// Hears of a look that has ended, and of what is due sooner.
    changed: Notify,
    budget: OrderBudget,
    demand_costs: DemandCosts,
    /// Who hears of certificates that end and are not renewed.
    events: Mutex<Arc<EventHub>>,
    /// What was last said about storage, and when.
    said: Mutex<Option<(String, Instant)>>,
}

impl Keeper {
    /// Keeps the certificates of this configuration from now on, in place of those before. `None`: none.
    pub(crate) fn keep(&self, acme: Option<&Arc<Acme>>, events: &Arc<EventHub>, runtime: &Handle, log: &Arc<Log>) {
        let mut tasks = self.tasks.lock();
        *self.state.events.lock() = Arc::clone(events);
        tasks.drain(..).for_each(|task| task.abort());
        let Some(acme) = acme else { return self.state.table.lock().clear() };
        let subjects: Vec<_> = acme
            .wanted
            .iter()
            .map(|wanted| ((*wanted.subject).into(), wanted.names.iter().map(|name| name.as_str().into()).collect()))
            .collect();
        let (demands, demanded) = acme.on_demand.as_ref().map(|limits| mpsc::channel(limits.waiting)).unzip();
        acme.certificates.configure(&ManagedSettings {
            subjects: &subjects,
            storage: Arc::clone(&acme.storage),
            cache: acme.cache,
            demands,
            background: runtime,
            log,
        });
        let wanted: Vec<_> =
            acme.wanted.iter().map(|wanted| (Arc::clone(&wanted.subject), Arc::clone(&wanted.names))).collect();
        self.state.table.lock().set_written(&wanted, acme.on_demand.is_some());
        let mut spawn = |task: StatefulWork<'static>| tasks.push(runtime.spawn(task).abort_handle());
        let with = || (Arc::clone(acme), Arc::clone(&self.state), Arc::clone(log));
        let (own, state, to) = with();
        let work = move || look_after(Arc::clone(&own), Arc::clone(&state), Arc::clone(&to));
        spawn(Box::pin(enduring("the care of certificates", Arc::clone(log), work)));
        let (own, state, _) = with();
        let work = move || wishes::follow(Arc::clone(&own), Arc::clone(&state));
        spawn(Box::pin(enduring("the look for early renewals", Arc::clone(log), work)));
        if let Some(demanded) = demanded {
            let asked = Demanded::new(with(), demanded);
            let answering =
                enduring_with("certificates on demand", Arc::clone(log), asked, |asked| Box::pin(asked.answer()));
            spawn(Box::pin(async move { drop(answering.await) }));
            let (own, state, to) = with();
            let work = move || add_stored(Arc::clone(&own), Arc::clone(&state), Arc::clone(&to));
            spawn(Box::pin(enduring("the list of stored certificates", Arc::clone(log), work)));
        }
    }

    /// Writes into what storage says of certificates what is wrong with storage itself, which it cannot say.
    pub(crate) fn add_troubles(&self, certificates: &mut [CertificateInfo]) {
        let table = self.state.table.lock();
        for certificate in certificates {
            let kept = certificate.names.first().and_then(|subject| table.get(subject));
            if let Some(trouble) = kept.and_then(|kept| kept.trouble.as_ref()) {
                certificate.last_error = Some(trouble.clone());
            }
        }
    }
}

/// Looks after each certificate when it is due.
async fn look_after(acme: Arc<Acme>, state: Arc<KeeperState>, log: Arc<Log>) {
    loop {
        let now = time_of_day();
        let next = {
            let mut table = state.table.lock();
            while table.running() < VISITS {
                let Some(subject) = table.take_due(now) else { break };
                let Some(kept) = table.get(&subject).cloned() else { continue };
                let visit = state.visit(&acme, &log, subject, &kept);
                tokio::spawn(state.clone().run(visit));
            }
            table.next_due().filter(|_| table.running() < VISITS)
        };
        let pause = next.map_or(GLANCE, |next| next.duration_since(now).unwrap_or_default().min(GLANCE));
        tokio::select! {
            () = sleep(pause) => {}
            () = state.changed.notified() => {}
        }
    }
}

/// Keeps the certificates too that names have got on demand before.
async fn add_stored(acme: Arc<Acme>, state: Arc<KeeperState>, log: Arc<Log>) {
    let keys = match acme.storage.list(STATES).await {
        Ok(keys) => keys,
        Err(StorageError(error)) => {
            return state.say_trouble(&log, format_args!("certificates on demand: {error}"), &error)
        }
    };
    let now = time_of_day();
    for (number, key) in (0..).zip(keys) {
        let Some(name) = key.strip_prefix(STATES).and_then(|name| name.strip_suffix(".json")) else { continue };
        // Of a long name the key has only the beginning.
        let name = match name.contains('~') {
            false => Some(name.to_owned()),
            true => CertificateState::subject_at(&acme.storage, &key).await.ok().flatten(),
        };
        if let Some(name) = name.filter(|name| super::on_demand::is_host_name(name)) {
            state.table.lock().add_other(&name, now + Duration::from_secs(1) * (number / FIRST_LOOKS));
        }
    }
    state.changed.notify_one();
}

impl KeeperState {
    fn visit(self: &Arc<Self>, acme: &Arc<Acme>, log: &Arc<Log>, subject: Arc<str>, kept: &KeptCertificate) -> Visit {
        Visit {
            acme: Arc::clone(acme),
            keeper: Arc::clone(self),
            log: Arc::clone(log),
            subject,
            names: Arc::clone(&kept.names),
            is_wished: kept.is_wished,
            may_order: kept.is_written,
        }
    }

    /// Runs a visit. Even one that panics is over then.
    async fn run(self: Arc<Self>, visit: Visit) -> bool {
        let subject = Arc::clone(&visit.subject);
        match tokio::spawn(visit.run()).await {
            Ok(visited) => visited.is_served,
            Err(_) => {
                self.table.lock().ended(&subject, time_of_day() + GLANCE, |_| {});
                self.changed.notify_one();
                false
            }
        }
    }

    /// Looks after a certificate on demand that may be ordered now. Whether there is one now.
    async fn visit_now(self: &Arc<Self>, acme: &Arc<Acme>, log: &Arc<Log>, subject: &Arc<str>) -> bool {
        loop {
            let kept = {
                let mut table = self.table.lock();
                if table.take(subject) {
                    table.get(subject).cloned()
                } else {
                    None
                }
            };
            if let Some(kept) = kept {
                let visit = self.visit(acme, log, Arc::clone(subject), &kept);
                return Arc::clone(self).run(Visit { may_order: true, ..visit }).await;
            }
            sleep(GLIMPSE).await;
            if self.table.lock().get(subject).is_none() {
                return false;
            }
        }
    }

    /// Logs what is wrong with storage, unless the same was said a moment ago: of another certificate, say.
    fn say_trouble(&self, log: &Log, line: Arguments<'_>, trouble: &str) {
        let mut said = self.said.lock();
        if said.as_ref().is_some_and(|(before, at)| before == trouble && at.elapsed() < SAID) {
            return;
        }
        *said = Some((trouble.to_owned(), Instant::now()));
        log.error(line);
    }
}
