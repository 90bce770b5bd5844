//! One look at a certificate: what its state in storage asks for is done, under its lock.

use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::table::KeptCertificate;
use super::KeeperState;
use crate::acme::directive::Acme;
use crate::acme::on_demand::Permission;
use crate::acme::order::Authority;
use crate::acme::schedule::{self, next_step, Step};
use crate::certificates::record::{
    certificate_key, order_lock, request_key, state_key, CertificateState, PendingOrder,
};
use crate::clock::time_of_day;
use crate::log::Log;
use crate::storage::StorageError;

/// Time until the next look at a certificate for which another process holds the lock.
const BUSY: Duration = Duration::from_secs(1);
/// Time until an authority that did not say when a certificate should be renewed is asked again.
const ASKED_AGAIN: Duration = Duration::from_secs(60 * 60);
/// Longest pause after a failure of storage, which is of this machine and may be mended at any moment.
const TROUBLE: Duration = Duration::from_secs(5 * 60);
/// Time until those who decide are asked again after a no, and after no answer.
const REFUSED: Duration = Duration::from_secs(6 * 60 * 60);
const UNANSWERED: Duration = Duration::from_secs(10 * 60);
/// Time after the end of a certificate on demand after which nobody is asked about it any more.
const FORGOTTEN: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Time after which the failures of a name on demand are forgotten.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);
/// Time between two events about the end of one certificate.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Attempts that were cut off in a row after which an order that is under way is not continued at once any more.
const CUT_OFF: u32 = 100;

/// One look at one certificate.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) acme: Arc<Acme>,
    pub(super) keeper: Arc<KeeperState>,
    pub(super) log: Arc<Log>,
    pub(super) subject: Arc<str>,
    pub(super) names: Arc<[String]>,
    /// Whether a person may have asked for a renewal.
    pub(super) is_wished: bool,
    /// Whether it may be ordered without another question.
    pub(super) may_order: bool,
}

/// What a look has come to.
#[derive(Debug)]
pub(super) struct Visited {
    /// `None` if storage could not say.
    state: Option<CertificateState>,
    /// When the next attempt or renewal is.
    next_attempt: Option<SystemTime>,
    /// When to look again.
    due: SystemTime,
    /// Why storage has failed.
    trouble: Option<String>,
    /// Whether there is a certificate that has not expired.
    pub(super) is_served: bool,
    /// Whether the certificate is no longer wanted by those who say what is.
    pub(super) is_over: bool,
}

impl Visit {
    /// Looks, does what is to be done, and notes it in the table.
    pub(super) async fn run(self) -> Visited {
        let before = self.keeper.table.lock().get(&self.subject).cloned().unwrap_or_default();
        let visited = match self.look().await {
            Ok(visited) => visited,
            Err(StorageError(trouble)) => self.troubled(&trouble, &before),
        };
        self.note(&before, &visited);
        visited
    }

    fn note(&self, before: &KeptCertificate, visited: &Visited) {
        let validity = visited.state.as_ref().map(|state| state.not_before.zip(state.not_after));
        if validity.is_some_and(|validity| before.next_attempt.is_some() && validity != before.validity) {
            self.acme.certificates.forget(&self.subject);
        }
        let mut table = self.keeper.table.lock();
        let due = visited.due.min(time_of_day() + table.look());
        table.ended(&self.subject, due, |kept| {
            kept.is_wished &= !self.is_wished;
            kept.next_attempt = visited.next_attempt.or(kept.next_attempt);
            if let Some(state) = &visited.state {
                kept.take_over(state);
            }
            kept.troubles = kept.troubles.saturating_add(u32::from(visited.trouble.is_some()));
            kept.trouble.clone_from(&visited.trouble);
            self.tell_end(kept, visited);
        });
        if visited.is_over {
            table.drop_other(&self.subject);
        }
        drop(table);
        self.keeper.changed.notify_one();
    }

    /// Tells those who listen, once a day, of a certificate that could not be renewed, or that should long have been.
    fn tell_end(&self, kept: &mut KeptCertificate, visited: &Visited) {
        let Some((begin, end)) = kept.validity else { return };
        let failures = visited.state.as_ref().map_or(0, |state| state.failures);
        let is_overdue = schedule::latest(begin, end) <= time_of_day();
        if (failures == 0 && !is_overdue) || kept.told_at.is_some_and(|told| told.elapsed() < DAY) {
            return;
        }
        let error = visited.state.as_ref().and_then(|state| state.last_error.as_deref());
        if self.keeper.events.lock().not_renewed(&kept.names, end, visited.trouble.as_deref().or(error)) {
            kept.told_at = Some(Instant::now());
        }
    }

    async fn look(&self) -> Result<Visited, StorageError> {
        let storage = &self.acme.storage;
        let state = CertificateState::load(storage, &self.subject).await?;
        if !self.may_order && state.not_after.is_none() {
            return self.without_certificate(state).await;
        }
        if !self.is_wished && state.damage.is_none() {
            if let Step::Wait(due) = self.next(&state).await? {
                return Ok(self.visited(state, due));
            }
        }
        let Some(_lock) = storage.lock(&order_lock(&self.subject)).await? else {
            let visited = self.visited(state, time_of_day() + BUSY.mul_f64(1.0 + fastrand::f64()));
            return Ok(visited);
        };
        // Another process may have done it in the meantime.
        let mut state = CertificateState::load(storage, &self.subject).await?;
        if let Some(damage) = state.damage.take() {
            state.store(storage).await?;
            self.log.warn(format_args!("acme: {}: {damage}", self.subject));
        }
        let is_wished = self.is_wished && self.take_wish().await?;
        let step = if is_wished { Step::Order } else { self.next(&state).await? };
        match step {
            Step::Wait(due) => return Ok(self.visited(state, due)),
            Step::AskWindow => self.ask_window(&mut state).await?,
            Step::Order => {
                if !self.may_order {
                    if let Some(pause) = self.refused(&state).await {
                        return Ok(self.not_renewed(state, pause));
                    }
                }
                self.attempt(&mut state).await?;
            }
        }
        let due = self.due(&state);
        Ok(self.visited(state, due))
    }

    /// The next step. An order that was cut off goes on at once: the authority has counted it already.
    async fn next(&self, state: &CertificateState) -> Result<Step, StorageError> {
        let now = time_of_day();
        let step = self.acme.with_wish(&self.names, |wish| next_step(state, wish, now));
        let was_cut_off = (1..=CUT_OFF).contains(&state.begun) && state.holds.values().all(|until| *until <= now);
        let goes_on = matches!(step, Step::Wait(_))
            && was_cut_off
            && self.acme.with_wish(&self.names, |wish| schedule::renewal(state, wish)).is_none_or(|at| at <= now)
            && PendingOrder::load(&self.acme.storage, &self.subject).await?.is_some();
        Ok(if goes_on { Step::Order } else { step })
    }

    /// When the state asks for the next step.
    fn due(&self, state: &CertificateState) -> SystemTime {
        let now = time_of_day();
        match self.acme.with_wish(&self.names, |wish| next_step(state, wish, now)) {
            Step::Wait(due) => due,
            Step::AskWindow | Step::Order => now,
        }
    }

    /// Whether a person has asked for a renewal. The wish is fulfilled from here on, or fails.
    async fn take_wish(&self) -> Result<bool, StorageError> {
        let key = request_key(&self.subject);
        let is_there = self.acme.storage.load(&key).await?.is_some();
        if is_there {
            self.acme.storage.delete(&key).await?;
            self.log.info(format_args!("acme: {}: a person asks for a renewal", self.subject));
        }
        Ok(is_there)
    }

    /// Takes the wishes that came while an order was under way: it is the answer to them too. Those that come once its
    /// certificate is shown want another one.
    pub(super) async fn answer_wishes(&self) -> Result<(), StorageError> {
        self.acme.storage.delete(&request_key(&self.subject)).await
    }

    /// Asks those who decide about names that are not written. If they do not say yes, how long not to ask again.
    async fn refused(&self, state: &CertificateState) -> Option<Duration> {
        let answer = self.acme.on_demand.as_ref()?.ask(&self.subject).await;
        let pause = match answer {
            Permission::Yes => return None,
            Permission::No => REFUSED,
            Permission::Failed(_) => UNANSWERED,
        };
        let until = state.not_after.map_or_else(String::new, |end| format!(", and is shown until {}", shown(end)));
        self.log.info(format_args!("acme: {}: is not renewed, since on_demand says {answer}{until}", self.subject));
        Some(pause)
    }

    /// Asks the authority when the certificate should be renewed.
    async fn ask_window(&self, state: &mut CertificateState) -> Result<(), StorageError> {
        let Some(authority) = self.issuer(state) else { return Ok(()) };
        let Some(pem) = self.acme.storage.load(&certificate_key(&self.subject)).await? else { return Ok(()) };
        let before = state.window;
        match authority.renewal_window(&pem).await {
            Ok(suggested) => schedule::suggest(state, suggested, time_of_day()),
            Err(failure) => {
                let why = "does not say when it should be renewed";
                self.log.debug(format_args!("acme: {}: {} {why}: {failure}", self.subject, authority.name()));
                let again = time_of_day() + ASKED_AGAIN;
                state.window_until = Some(failure.retry_after.map_or(again, |after| after.max(again)));
            }
        }
        if let Some(at) = state.chosen_at.filter(|_| state.window != before) {
            let (subject, by) = (&self.subject, authority.name());
            self.log.info(format_args!("acme: {subject}: is renewed at {}, as {by} suggests", shown(at)));
        }
        state.store(&self.acme.storage).await
    }

    /// The authority that has issued the certificate.
    fn issuer(&self, state: &CertificateState) -> Option<&Arc<Authority>> {
        self.acme.authorities.iter().find(|authority| Some(authority.url()) == state.authority.as_deref())
    }

    fn visited(&self, state: CertificateState, due: SystemTime) -> Visited {
        let now = time_of_day();
        let renewal = self.acme.with_wish(&self.names, |wish| schedule::renewal(&state, wish));
        let next_attempt = schedule::next_attempt(&state, now).max(renewal).or(Some(now));
        let is_served = state.not_after.is_some_and(|end| now < end);
        Visited { state: Some(state), next_attempt, due, trouble: None, is_served, is_over: false }
    }

    /// A certificate on demand that those who decide do not want now. It is shown to its end.
    fn not_renewed(&self, state: CertificateState, pause: Duration) -> Visited {
        let now = time_of_day();
        let is_over = state.not_after.is_none_or(|end| end + FORGOTTEN < now);
        Visited { is_over, ..self.visited(state, now + pause) }
    }

    /// A name that has got no certificate on demand. Its failures are remembered for a while, so that it is not tried
    /// with every handshake.
    async fn without_certificate(&self, state: CertificateState) -> Result<Visited, StorageError> {
        let now = time_of_day();
        let over_at = state.next_attempt.map(|next| next + REMEMBERED);
        if over_at.is_some_and(|at| at <= now) {
            self.acme.storage.delete(&state_key(&self.subject)).await?;
        }
        let is_over = over_at.is_none_or(|at| at <= now);
        Ok(Visited { is_over, ..self.visited(state, over_at.unwrap_or(now)) })
    }

    /// Without storage nothing is ordered: the next process would not know of it, and order again.
    fn troubled(&self, trouble: &str, before: &KeptCertificate) -> Visited {
        let now = time_of_day();
        let due = now + schedule::pause(before.troubles + 1).min(TROUBLE);
        self.keeper.say_trouble(&self.log, format_args!("acme: {}: {trouble}", self.subject), trouble);
        let is_served = before.validity.is_some_and(|(_, end)| now < end);
        let trouble = Some(trouble.to_owned());
        Visited { state: None, next_attempt: Some(due), due, trouble, is_served, is_over: false }
    }
}

/// A moment for a person.
pub(super) fn shown(moment: SystemTime) -> impl Display {
    httpdate::fmt_http_date(moment)
}
