//! One order at one authority: account, order, challenges, certificate.

use std::sync::Arc;
use std::time::Duration;

use instant_acme::{Account, Error, Identifier, NewOrder, Order, OrderStatus};
use parking_lot::Mutex;
use rcgen::KeyPair;
use tokio::time::{sleep, Instant};

use super::account::with_good_nonce;
use super::authority::identifier;
pub(crate) use super::authority::Authority;
use super::csr::request;
use super::directory::Directory;
use super::failure::short;
pub(crate) use super::failure::{FailureKind, OrderFailure};
use super::issued::{check, is_same};
use super::pending::PendingOrder;
use super::transport::Seen;
use crate::certificates::challenges::Challenges;
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

/// What is ordered.
#[derive(Debug, Clone)]
pub(crate) struct WantedCertificate {
    /// Names of the certificate; the first is its subject.
    pub(crate) names: Vec<String>,
    /// The chain in PEM that the new certificate replaces (RFC 9773, section 5), if the authority issued it.
    pub(crate) replaces: Option<Vec<u8>>,
}

/// A new certificate.
#[derive(Debug)]
pub(crate) struct IssuedCertificate {
    /// Private key and chain in PEM.
    pub(crate) pem: Vec<u8>,
}

impl Authority {
    /// Orders a certificate and waits for it, for minutes if need be. An order that a process has left unfinished goes
    /// on; call [`Authority::settle`] once the certificate is stored. Only one order of a subject may run at a time:
    /// the caller holds its lock.
    pub(crate) async fn order(
        &self,
        wanted: &WantedCertificate,
        challenges: &Challenges,
        log: &Log,
    ) -> Result<IssuedCertificate, OrderFailure> {
        let directory = self.directory().await?;
        if let Some(profile) = &self.profile {
            directory.check_profile(profile, self.name())?;
        }
        let subject = wanted.names.first().map_or("", String::as_str);
        let mut pending = PendingOrder::load(self, subject).await?;
        loop {
            let mut begun = self.begin(wanted, &directory, &mut pending).await;
            // The authority has lost the account, or the storage was used with another authority at this address.
            if let Err(Beginning::AccountGone(account)) = &begun {
                log.warn(format_args!("acme: {} does not know account {account} any more: makes another", self.name()));
                self.forget_account(account).await?;
                begun = self.begin(wanted, &directory, &mut pending).await;
            }
            let (order, account, seen) = begun.map_err(|failed| match failed {
                Beginning::Failed(failure) => failure,
                Beginning::AccountGone(account) => OrderFailure::new(
                    FailureKind::Misconfigured,
                    format!("{}: it does not know account {account}, which it has just made", self.name()),
                ),
            })?;
            let mut course = Course { authority: self, wanted, challenges, log, account, seen, order, pending };
            match course.run().await {
                Ok(Some(issued)) => return Ok(issued),
                // Nobody has settled the order of the certificate that is to be replaced.
                Ok(None) => pending = course.pending.ended(),
                Err(failure) => {
                    course.leave().await;
                    return Err(failure);
                }
            }
        }
    }

    /// The order that is under way, or a new one.
    async fn begin(
        &self,
        wanted: &WantedCertificate,
        directory: &Arc<Directory>,
        pending: &mut PendingOrder,
    ) -> Result<(Order, Account, Arc<Mutex<Seen>>), Beginning> {
        let (account, seen) = self.account(directory).await.map_err(Beginning::Failed)?;
        let step = |step: &str| format!("{}: {step}", self.name());
        if let Some(url) = pending.url.clone() {
            if pending.account == account.id() && pending.names == wanted.names {
                match with_good_nonce!(account.order(url.clone())) {
                    Ok(mut order) if order.state().status != OrderStatus::Invalid => return Ok((order, account, seen)),
                    Ok(_) => {}
                    Err(error) => {
                        let failure = OrderFailure::of_step(&step("order"), error, &seen.lock());
                        if matches!(failure.kind, FailureKind::Unavailable | FailureKind::RateLimited) {
                            return Err(Beginning::Failed(failure));
                        }
                    }
                }
            }
            *pending = std::mem::take(pending).ended();
        }
        let key = self.key.generate().await.map_err(|why| OrderFailure::new(FailureKind::Own, why));
        let key = key.map_err(Beginning::Failed)?;
        let order = match self.place(wanted, directory, &account, &seen).await {
            Ok(order) => order,
            Err(Error::Api(problem)) if short(&problem) == "accountDoesNotExist" => {
                return Err(Beginning::AccountGone(account.id().to_owned()));
            }
            Err(error) => {
                let is_account = matches!(&error, Error::Api(problem) if short(problem) == "unauthorized");
                let mut failure = OrderFailure::of_step(&step("new order"), error, &seen.lock());
                if is_account {
                    let key = self.account_key();
                    failure.message.push_str(&format!("; to make another account, delete {key} in the storage"));
                }
                return Err(Beginning::Failed(failure));
            }
        };
        pending.url = Some(order.url().to_owned());
        pending.account = account.id().to_owned();
        pending.names.clone_from(&wanted.names);
        pending.key = key.serialize_pem();
        let subject = wanted.names.first().map_or("", String::as_str);
        pending.store(self, subject).await.map_err(Beginning::Failed)?;
        Ok((order, account, seen))
    }

    /// Places a new order.
    async fn place(
        &self,
        wanted: &WantedCertificate,
        directory: &Directory,
        account: &Account,
        seen: &Mutex<Seen>,
    ) -> Result<Order, Error> {
        let names: Vec<_> = wanted.names.iter().cloned().map(Identifier::Dns).collect();
        let order = || {
            let order = NewOrder::new(&names);
            match &self.profile {
                Some(profile) => order.profile(profile),
                None => order,
            }
        };
        let replaced = wanted.replaces.as_deref().filter(|_| directory.renewal_info.is_some()).and_then(identifier);
        if let Some(replaced) = replaced {
            let replacing = order().replaces(replaced);
            seen.lock().location = None;
            match with_good_nonce!(account.new_order(&replacing)) {
                // Another order has replaced it, or the authority has forgotten it: the new one stands for itself.
                Err(Error::Api(problem)) if matches!(short(&problem), "alreadyReplaced" | "malformed" | "conflict") => {
                }
                // The order is made, and instant-acme does not like that the answer leaves the field out.
                Err(Error::Other(error)) => {
                    let made = seen.lock().location.clone();
                    return match made {
                        Some(url) => with_good_nonce!(account.order(url.clone())),
                        None => Err(Error::Other(error)),
                    };
                }
                other => return other,
            }
        }
        with_good_nonce!(account.new_order(&order()))
    }
}

/// Why there is no order.
enum Beginning {
    /// The authority does not know this account.
    AccountGone(String),
    Failed(OrderFailure),
}

/// An order on its way.
pub(super) struct Course<'a> {
    pub(super) authority: &'a Authority,
    pub(super) wanted: &'a WantedCertificate,
    pub(super) challenges: &'a Challenges,
    pub(super) log: &'a Log,
    pub(super) account: Account,
    pub(super) seen: Arc<Mutex<Seen>>,
    pub(super) order: Order,
    pub(super) pending: PendingOrder,
}

impl Course<'_> {
    pub(super) fn subject(&self) -> &str {
        self.wanted.names.first().map_or("", String::as_str)
    }

    /// A step, as messages name it.
    pub(super) fn step(&self, step: &str) -> String {
        format!("{}: {step}", self.authority.name())
    }

    pub(super) async fn store_pending(&self) -> Result<(), OrderFailure> {
        self.pending.store(self.authority, self.subject()).await
    }

    /// From the order to the certificate.
    /// `None`: it is the one that was to be replaced.
    async fn run(&mut self) -> Result<Option<IssuedCertificate>, OrderFailure> {
        self.log.info(format_args!("acme: {}: ordered at {}", self.subject(), self.authority.name()));
        self.tell_skew();
        if self.order.state().status == OrderStatus::Pending {
            self.prove().await?;
        }
        let key = KeyPair::from_pem(&self.pending.key).map_err(|error| {
            OrderFailure::new(FailureKind::Own, format!("the key of the order is damaged: {error}"))
        })?;
        if self.order.state().status == OrderStatus::Ready {
            let csr = request(&self.wanted.names, &key, self.authority.common_name)
                .map_err(|why| OrderFailure::new(FailureKind::Own, why))?;
            with_good_nonce!(self.order.finalize_csr(&csr)).map_err(|error| self.failed("request", error))?;
        }
        if self.look_until(|status| matches!(status, OrderStatus::Valid | OrderStatus::Invalid)).await?
            == OrderStatus::Invalid
        {
            return Err(self.refused(&[]).await);
        }
        let chain = with_good_nonce!(self.order.certificate()).map_err(|error| self.failed("certificate", error))?;
        let wrong = |why: String| {
            OrderFailure::new(
                FailureKind::Refused,
                format!("{}: the certificate is not used: {why}", self.authority.name()),
            )
        };
        let chain = chain.ok_or_else(|| wrong("there is none".into()))?;
        check(&chain, &self.wanted.names, &key, self.seen.lock().their_time()).map_err(wrong)?;
        if self.wanted.replaces.as_deref().is_some_and(|old| is_same(old, chain.as_bytes())) {
            return Ok(None);
        }
        Ok(Some(IssuedCertificate { pem: (self.pending.key.clone() + &chain).into_bytes() }))
    }

    /// Proves the control of every name.
    async fn prove(&mut self) -> Result<(), OrderFailure> {
        let proofs = self.choose().await?;
        let proved = self.prove_with(&proofs).await;
        self.clean(&proofs).await;
        proved
    }

    async fn prove_with(&mut self, proofs: &[super::solver::Proof]) -> Result<(), OrderFailure> {
        self.present(proofs).await?;
        self.announce(proofs).await?;
        let status = self.look_until(|status| status != OrderStatus::Pending).await?;
        match status {
            OrderStatus::Invalid => Err(self.refused(proofs).await),
            _ => Ok(()),
        }
    }

    /// The failure of an order that the authority has refused.
    async fn refused(&mut self, proofs: &[super::solver::Proof]) -> OrderFailure {
        let reasons = self.refusals(proofs).await;
        self.pending.url = None;
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
            pause *= 2;
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

    /// Keeps what the next attempt needs.
    async fn leave(&mut self) {
        if self.pending.url.is_none() {
            self.pending = std::mem::take(&mut self.pending).ended();
        }
        if let Err(failure) = self.store_pending().await {
            self.log.warn(format_args!("acme: {}: {failure}", self.subject()));
        }
    }
}
