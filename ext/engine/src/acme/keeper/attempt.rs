//! One attempt to get a certificate: at the first authority that issues it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::visit::{shown, Visit};
use crate::acme::failure::FailureKind;
use crate::acme::order::{Authority, IssuedCertificate, OrderFailure, WantedCertificate};
use crate::acme::schedule;
use crate::certificates::record::{certificate_key, CertificateRecord, CertificateState};
use crate::clock::time_of_day;
use crate::storage::StorageError;

/// Time for an order. Records of DNS may take minutes to be seen, and authorities may take as long.
const ORDER_TIME: Duration = Duration::from_secs(20 * 60);
/// Attempts from which on an order does not say which certificate it replaces: some authorities refuse orders for that.
const NOT_REPLACING: u32 = 2;
/// Tries to store a new certificate, and the pause after the first, which doubles.
const STORES: u32 = 8;
const STORE_PAUSE: Duration = Duration::from_secs(1);

impl Visit {
    /// Orders a certificate, and writes down what came of it.
    ///
    /// # Errors
    /// If storage fails. If it does before the order, nothing was ordered.
    pub(super) async fn attempt(&self, state: &mut CertificateState) -> Result<(), StorageError> {
        let now = time_of_day();
        // Written before the order, so that a process which ends in the middle of it again and again waits as after
        // failures.
        state.begun += 1;
        state.attempted_at = Some(now);
        state.next_attempt = Some(now + schedule::pause(state.failures + state.begun));
        state.names = self.names.to_vec();
        state.store(&self.acme.storage).await?;
        let (issued, failures) = self.ask_authorities(state).await;
        state.begun = 0;
        match issued {
            Some((authority, issued)) => self.keep(state, authority, &issued).await,
            None => self.failed(state, &failures).await,
        }
    }

    /// Asks one authority after the other.
    async fn ask_authorities(
        &self,
        state: &mut CertificateState,
    ) -> (Option<(&Arc<Authority>, IssuedCertificate)>, Vec<(&Arc<Authority>, OrderFailure)>) {
        let mut failures = Vec::new();
        let now = time_of_day();
        state.holds.retain(|_, until| now < *until);
        for authority in &self.acme.authorities {
            if let Some(until) = state.holds.get(authority.url()) {
                let message = format!("{} wants no order before {}", authority.name(), shown(*until));
                let failure = OrderFailure {
                    retry_after: Some(*until),
                    ..OrderFailure::new(
                        FailureKind::RateLimited,
                        match &state.last_error {
                            Some(last) if self.acme.authorities.len() == 1 => last.clone(),
                            _ => message,
                        },
                    )
                };
                failures.push((authority, failure));
                continue;
            }
            match self.ask(authority, state).await {
                Ok(issued) => return (Some((authority, issued)), failures),
                Err(failure) => failures.push((authority, failure)),
            }
        }
        (None, failures)
    }

    /// Orders at one authority; after a refusal first at its staging, where nothing is counted.
    async fn ask(
        &self,
        authority: &Arc<Authority>,
        state: &CertificateState,
    ) -> Result<IssuedCertificate, OrderFailure> {
        if let Some(staging) = authority.rehearsal().filter(|_| state.rehearse) {
            match self.order(staging, None).await {
                Ok(_) => staging.settle(&self.subject).await,
                Err(failure) if failure.kind == FailureKind::Refused => return Err(failure),
                // It says nothing about the name.
                Err(_) => {}
            }
        }
        let is_own = state.authority.as_deref() == Some(authority.url()) && state.failures < NOT_REPLACING;
        let replaced = match is_own && state.not_after.is_some() {
            true => self.acme.storage.load(&certificate_key(&self.subject)).await.ok().flatten(),
            false => None,
        };
        self.order(authority, replaced).await
    }

    async fn order(&self, authority: &Authority, replaces: Option<Vec<u8>>) -> Result<IssuedCertificate, OrderFailure> {
        self.keeper.budget.take(authority.url()).await;
        let (subject, name) = (&self.subject, authority.name());
        let wanted = WantedCertificate { names: self.names.to_vec(), replaces };
        let order = authority.order(&wanted, &self.acme.certificates.challenges, &self.log);
        let issued = timeout(ORDER_TIME, order).await.unwrap_or_else(|_| {
            let message = format!("{name}: the order was not done within {} minutes", ORDER_TIME.as_secs() / 60);
            Err(OrderFailure::new(FailureKind::Unavailable, message))
        });
        issued.inspect_err(|failure| {
            self.log.warn(format_args!("acme: {subject}: {name} has issued none: {failure}"));
        })
    }

    /// Serves a new certificate and stores it.
    async fn keep(
        &self,
        state: &mut CertificateState,
        authority: &Arc<Authority>,
        issued: &IssuedCertificate,
    ) -> Result<(), StorageError> {
        let pem = issued.pem.clone();
        let read = tokio::task::spawn_blocking(move || CertificateRecord::read(&pem)).await;
        let record = read.map_err(|error| error.to_string()).and_then(|read| read);
        let answered = self.answer_wishes().await;
        let installed = record.and_then(|record| {
            self.acme.certificates.install(&self.subject, &issued.pem)?;
            Ok(record)
        });
        let record = match installed {
            Ok(record) => record,
            Err(error) => {
                let message = format!("{}: the certificate that it has issued {error}", authority.name());
                return self.failed(state, &[(authority, OrderFailure::new(FailureKind::Refused, message))]).await;
            }
        };
        let failures = state.failures;
        *state = CertificateState {
            names: self.names.to_vec(),
            authority: Some(authority.url().to_owned()),
            not_before: Some(record.not_before),
            not_after: Some(record.not_after),
            ..CertificateState::default()
        };
        self.log.info(format_args!(
            "acme: {}: {} has issued one that is good until {}",
            self.subject,
            authority.name(),
            shown(record.not_after)
        ));
        self.brake(state, failures);
        self.store(&issued.pem, state).await?;
        authority.settle(&self.subject).await;
        answered
    }

    /// Has a new certificate that is to be renewed at once wait as after a failure. `failures` were in a row before it.
    fn brake(&self, state: &mut CertificateState, failures: u32) {
        let now = time_of_day();
        let renewal = self.acme.with_wish(&self.names, |wish| schedule::renewal(state, wish));
        if renewal.is_some_and(|at| now < at) {
            return;
        }
        let trouble =
            "the new certificate is to be renewed at once: this machine's clock is wrong, or its life is too \
                       short for renew:";
        state.failures = failures.saturating_add(1);
        state.attempted_at = Some(now);
        let next = now + schedule::pause(state.failures);
        state.next_attempt = Some(next);
        state.last_error = Some(trouble.into());
        self.log.error(format_args!("acme: {}: {trouble}; the next attempt is at {}", self.subject, shown(next)));
    }

    /// Stores a new certificate. It is served in any case, and a disk that is full for a moment must not cost another
    /// order.
    async fn store(&self, pem: &[u8], state: &CertificateState) -> Result<(), StorageError> {
        let storage = &self.acme.storage;
        let mut pause = STORE_PAUSE;
        for tries in 1.. {
            let stored = match storage.store(&certificate_key(&self.subject), pem).await {
                Ok(()) => state.store(storage).await,
                failed => failed,
            };
            match stored {
                Err(StorageError(error)) if tries < STORES => {
                    let subject = &self.subject;
                    self.log.error(format_args!("acme: {subject}: is served, and cannot be stored: {error}"));
                }
                stored => return stored,
            }
            sleep(pause).await;
            pause *= 2;
        }
        Ok(())
    }

    /// Notes that no authority has issued a certificate. It is stored before it is told, so that no process that ends
    /// in between loses what an authority has asked for.
    async fn failed(
        &self,
        state: &mut CertificateState,
        failures: &[(&Arc<Authority>, OrderFailure)],
    ) -> Result<(), StorageError> {
        let now = time_of_day();
        state.failures = state.failures.saturating_add(1);
        state.rehearse = failures.iter().any(|(_, failure)| failure.kind == FailureKind::Refused);
        let mut next = now + schedule::pause(state.failures);
        for (authority, failure) in failures {
            if let Some(after) = failure.retry_after.filter(|after| now < *after) {
                state.holds.insert(authority.url().to_owned(), after);
            }
        }
        // Not before the first of them takes orders again.
        let holds = |authority: &Arc<Authority>| state.holds.get(authority.url()).copied();
        let first = self.acme.authorities.iter().map(|authority| holds(authority).unwrap_or(now)).min();
        next = next.max(first.unwrap_or(now));
        state.next_attempt = Some(next);
        let messages: Vec<_> = failures.iter().map(|(_, failure)| failure.message.as_str()).collect();
        state.last_error = Some(messages.join("; "));
        let answered = self.answer_wishes().await;
        let stored = state.store(&self.acme.storage).await;
        let (subject, count) = (&self.subject, state.failures);
        let times = if count == 1 { "attempt".into() } else { format!("{count} attempts in a row") };
        self.log.error(format_args!("acme: {subject}: {times} failed; the next is at {}", shown(next)));
        stored.and(answered)
    }
}
