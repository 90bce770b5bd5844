//! One order at one authority: account, order, challenges, certificate.

use std::sync::Arc;

use instant_acme::{Account, Error, Identifier, NewOrder, Order, OrderStatus};
use parking_lot::Mutex;

pub(crate) use super::authority::Authority;
use super::authority::{identifier, own};
use super::course::Course;
use super::directory::Directory;
use super::failure::short;
pub(crate) use super::failure::{FailureKind, OrderFailure};
use super::history::ChallengeHistory;
use super::nonce::with_good_nonce;
use super::transport::Seen;
use crate::certificates::challenges::Challenges;
use crate::certificates::record::PendingOrder;
use crate::log::Log;

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

/// Attempts to go on with an order before another is placed: an authority that has lost one may always say that it
/// cannot answer now.
const MOST_MISSES: u32 = 3;

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
        let wildcard = wanted.names.iter().find(|name| name.starts_with("*."));
        if let Some(name) = wildcard.filter(|_| !self.challenges.iter().any(|kind| kind.proves_wildcards())) {
            let message = format!("{}: {name} needs dns-01 or dns-persist-01: write dns:", self.name());
            return Err(OrderFailure::new(FailureKind::Misconfigured, message));
        }
        let subject = wanted.names.first().map_or("", String::as_str);
        let mut pending = PendingOrder::load(&self.storage, subject).await.map_err(own)?;
        let mut history = ChallengeHistory::load(&self.storage, subject).await?;
        loop {
            let mut begun = self.begin(wanted, &directory, pending.take(), log).await;
            // The authority has lost the account, or the storage was used with another authority at this address.
            if let Err(Beginning::AccountGone(account)) = &begun {
                log.warn(format_args!("acme: {} does not know account {account} any more: makes another", self.name()));
                self.forget_account(account).await?;
                begun = self.begin(wanted, &directory, pending.take(), log).await;
            }
            let Begun { order, key, account, seen, is_left_over } = begun.map_err(|failed| match failed {
                Beginning::Failed(failure) => failure,
                Beginning::AccountGone(account) => OrderFailure::new(
                    FailureKind::Misconfigured,
                    format!("{}: it does not know account {account}, which it has just made", self.name()),
                ),
            })?;
            let mut course =
                Course { authority: self, wanted, challenges, log, account, seen, order, key, is_left_over, history };
            match course.run().await? {
                Some(issued) => return Ok(issued),
                None => history = course.history,
            }
        }
    }

    /// The order that is under way, or a new one.
    async fn begin(
        &self,
        wanted: &WantedCertificate,
        directory: &Arc<Directory>,
        pending: Option<PendingOrder>,
        log: &Log,
    ) -> Result<Begun, Beginning> {
        let (account, seen) = self.account(directory).await.map_err(Beginning::Failed)?;
        let step = |step: &str| format!("{}: {step}", self.name());
        let subject = wanted.names.first().map_or("", String::as_str);
        if let Some(pending) = pending.filter(|order| order.authority == self.url() && order.names == wanted.names) {
            match with_good_nonce!(account.order(pending.url.clone())) {
                Ok(mut order) => {
                    if order.state().status != OrderStatus::Invalid {
                        log.info(format_args!("acme: {subject}: goes on with its order at {}", self.name()));
                        return Ok(Begun { order, key: pending.key, account, seen, is_left_over: true });
                    }
                }
                Err(error) => {
                    let failure = OrderFailure::of_step(&step("order"), error, &seen.lock());
                    if matches!(failure.kind, FailureKind::Unavailable | FailureKind::RateLimited)
                        && pending.misses < MOST_MISSES
                    {
                        let missed = PendingOrder { misses: pending.misses + 1, ..pending };
                        missed.store(&self.storage).await.map_err(|error| Beginning::Failed(own(error)))?;
                        return Err(Beginning::Failed(failure));
                    }
                }
            }
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
        let pending = PendingOrder {
            authority: self.url().to_owned(),
            url: order.url().to_owned(),
            names: wanted.names.clone(),
            key: key.serialize_pem(),
            misses: 0,
        };
        pending.store(&self.storage).await.map_err(|error| Beginning::Failed(own(error)))?;
        log.info(format_args!("acme: {subject}: ordered at {}", self.name()));
        Ok(Begun { order, key: pending.key, account, seen, is_left_over: false })
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

/// An order that can go on.
struct Begun {
    order: Order,
    /// Private key of the certificate, in PEM.
    key: String,
    account: Account,
    seen: Arc<Mutex<Seen>>,
    is_left_over: bool,
}

/// Why there is no order.
enum Beginning {
    /// The authority does not know this account.
    AccountGone(String),
    Failed(OrderFailure),
}
