//! The way of one order: challenges, request, certificate.

use std::sync::Arc;
use std::time::Duration;

use instant_acme::{Account, Error, Order, OrderStatus};
use parking_lot::Mutex;
use rcgen::KeyPair;
use tokio::time::{sleep, Instant};

use super::authority::{own, Authority};
use super::csr::request;
use super::failure::{FailureKind, OrderFailure};
use super::history::ChallengeHistory;
use super::issued::{check, is_same};
use super::nonce::with_good_nonce;
use super::order::{IssuedCertificate, WantedCertificate};
use super::solver::{Proof, ShownProofs};
use super::transport::Seen;
use crate::certificates::challenges::Challenges;
use crate::certificates::record::PendingOrder;
use crate::clock::time_of_day;
use crate::log::Log;

/// Time for the authority to look at challenges, and to issue.
const PATIENCE: Duration = Duration::from_secs(5 * 60);
/// Time before the first look whether the authority is done, if it does not say.
const FIRST_LOOK: Duration = Duration::from_millis(100);
/// Longest time between two looks.
const LONGEST_LOOK: Duration = Duration::from_secs(10);
/// Difference of clocks from which it is worth a warning.
const SKEW: i64 = 60 * 60;

/// An order on its way.
pub(super) struct Course<'a> {
    pub(super) authority: &'a Authority,
    pub(super) wanted: &'a WantedCertificate,
    pub(super) challenges: &'a Challenges,
    pub(super) log: &'a Log,
    pub(super) account: Account,
    pub(super) seen: Arc<Mutex<Seen>>,
    pub(super) order: Order,
    /// Private key of the certificate, in PEM.
    pub(super) key: String,
    /// Whether another process has placed the order.
    pub(super) is_left_over: bool,
    pub(super) history: ChallengeHistory,
}

impl Course<'_> {
    pub(super) fn subject(&self) -> &str {
        self.wanted.names.first().map_or("", String::as_str)
    }

    /// A step, as messages name it.
    pub(super) fn step(&self, step: &str) -> String {
        format!("{}: {step}", self.authority.name())
    }

    pub(super) async fn store_history(&self) -> Result<(), OrderFailure> {
        self.history.store(&self.authority.storage, self.subject()).await
    }

    /// From the order to the certificate. `None`: another process has left the order, and its certificate is not what
    /// is wanted now.
    pub(super) async fn run(&mut self) -> Result<Option<IssuedCertificate>, OrderFailure> {
        self.tell_skew();
        if self.order.state().status == OrderStatus::Pending {
            self.prove().await?;
        }
        let key = match KeyPair::from_pem(&self.key) {
            Ok(key) => key,
            Err(error) => return self.useless(&format!("its key is damaged: {error}")).await,
        };
        if self.order.state().status == OrderStatus::Ready {
            let csr = request(&self.wanted.names, &key, self.authority.common_name)
                .map_err(|why| OrderFailure::new(FailureKind::Own, why))?;
            with_good_nonce!(self.order.finalize_csr(&csr)).map_err(|error| self.failed("request", error))?;
        }
        let status = self.look_until(|status| matches!(status, OrderStatus::Valid | OrderStatus::Invalid)).await?;
        if status == OrderStatus::Invalid {
            return Err(self.refused(&[]).await);
        }
        let chain = with_good_nonce!(self.order.certificate()).map_err(|error| self.failed("certificate", error))?;
        let chain = chain.unwrap_or_default();
        let now = self.seen.lock().their_time();
        match check(&chain, &self.wanted.names, &key, now) {
            Err(why) => self.useless(&why).await,
            // An order that nobody has settled.
            Ok(()) if self.wanted.replaces.as_deref().is_some_and(|old| is_same(old, chain.as_bytes())) => {
                self.useless("it is the one to be replaced").await
            }
            Ok(()) => Ok(Some(IssuedCertificate { pem: (self.key.clone() + &chain).into_bytes() })),
        }
    }

    /// What comes of an order whose certificate cannot be used: nothing if another process has left it, else a failure.
    async fn useless(&self, why: &str) -> Result<Option<IssuedCertificate>, OrderFailure> {
        PendingOrder::delete(&self.authority.storage, self.subject()).await.map_err(own)?;
        if self.is_left_over {
            self.log
                .debug(format_args!("acme: {}: the certificate of an old order is not used: {why}", self.subject()));
            return Ok(None);
        }
        let message = self.step(&format!("the certificate is not used: {why}"));
        Err(OrderFailure::new(FailureKind::Refused, message))
    }

    /// Proves the control of every name.
    async fn prove(&mut self) -> Result<(), OrderFailure> {
        let proofs = self.choose().await?;
        let _shown = ShownProofs(self.challenges, &proofs);
        let before = self.history.failed.clone();
        let proved = self.prove_with(&proofs).await;
        self.clean(&proofs).await;
        // The reason why the order has failed is worth more than that storage fails too.
        let stored = match self.history.failed != before || self.writes_records(&proofs) {
            true => self.store_history().await,
            false => Ok(()),
        };
        proved.and(stored)
    }

    async fn prove_with(&mut self, proofs: &[Proof]) -> Result<(), OrderFailure> {
        self.present(proofs).await?;
        self.announce(proofs).await?;
        // What the last response says concerns its challenge.
        self.seen.lock().retry_after = None;
        let status = self.look_until(|status| status != OrderStatus::Pending).await?;
        match status {
            OrderStatus::Invalid => Err(self.refused(proofs).await),
            _ => {
                self.log.debug(format_args!("acme: {}: all challenges are passed", self.subject()));
                Ok(())
            }
        }
    }

    /// The failure of an order that the authority has refused.
    async fn refused(&mut self, proofs: &[Proof]) -> OrderFailure {
        let reasons = self.refusals(proofs).await;
        // It has ended. If it cannot be removed, it is seen to be invalid before the next order.
        let _ = PendingOrder::delete(&self.authority.storage, self.subject()).await;
        OrderFailure::new(FailureKind::Refused, format!("{}: {reasons}", self.authority.name()))
    }

    /// Asks for the state of the order until it `is_done`, as often as the authority wants.
    async fn look_until(&mut self, is_done: fn(OrderStatus) -> bool) -> Result<OrderStatus, OrderFailure> {
        let since = Instant::now();
        let mut pause = FIRST_LOOK;
        loop {
            let status = self.order.state().status;
            if is_done(status) {
                return Ok(status);
            }
            if since.elapsed() > PATIENCE {
                let message = format!("the order is still {status:?} after {} s", PATIENCE.as_secs());
                return Err(OrderFailure::new(FailureKind::Unavailable, self.step(&message)));
            }
            let told = self.seen.lock().retry_after.and_then(|at| at.duration_since(time_of_day()).ok());
            sleep(told.unwrap_or(pause).min(LONGEST_LOOK)).await;
            pause = longer(pause);
            with_good_nonce!(async { self.order.refresh().await.map(drop) })
                .map_err(|error| self.failed("order", error))?;
        }
    }

    fn failed(&self, step: &str, error: Error) -> OrderFailure {
        OrderFailure::of_step(&self.step(step), error, &self.seen.lock())
    }

    /// Warns of a clock that is wrong: certificates then seem to end too early or too late.
    fn tell_skew(&self) {
        let skew = self.seen.lock().skew;
        if skew.abs() >= SKEW {
            let direction = if skew > 0 { "behind" } else { "before" };
            self.log.warn(format_args!(
                "acme: this machine's clock is {} h {direction} that of {}: set it, or renewals come at the wrong time",
                skew.abs() / SKEW,
                self.authority.name(),
            ));
        }
    }
}

/// The pause after this one.
fn longer(pause: Duration) -> Duration {
    (pause * 2).min(LONGEST_LOOK)
}

#[cfg(test)]
mod tests;
