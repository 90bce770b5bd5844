//! Handshakes for names that are neither written nor stored, which wait for a certificate. Everything that a flood of
//! such names could cost is bounded.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{mpsc, Semaphore};
use tokio::time::Instant;

use super::refusals::Refusals;
use super::KeeperState;
use crate::acme::directive::Acme;
use crate::acme::on_demand::{is_host_name, OnDemand, Permission};
use crate::certificates::managed::Demand;
use crate::certificates::record::CertificateState;
use crate::clock::time_of_day;
use crate::log::Log;
use crate::storage::StorageError;

const MINUTE: Duration = Duration::from_secs(60);
/// Time for which a name is refused after no answer came about it.
const UNANSWERED: Duration = Duration::from_secs(5);

/// What demands have cost of late. It is the same through all reloads.
#[derive(Debug, Default)]
pub(super) struct DemandCosts {
    refusals: Mutex<Refusals>,
    /// Beginnings of the orders of the last minute.
    orders: Mutex<Vec<Instant>>,
    told: Mutex<Option<Instant>>,
}

/// The demands of handshakes, and what they are answered with.
pub(super) struct Demanded {
    acme: Arc<Acme>,
    keeper: Arc<KeeperState>,
    log: Arc<Log>,
    demands: mpsc::Receiver<Demand>,
    places: Arc<Semaphore>,
}

impl Demanded {
    pub(super) fn new(
        (acme, keeper, log): (Arc<Acme>, Arc<KeeperState>, Arc<Log>),
        demands: mpsc::Receiver<Demand>,
    ) -> Self {
        let waiting = acme.on_demand.as_ref().map_or(0, |on_demand| on_demand.waiting);
        Self { acme, keeper, log, demands, places: Arc::new(Semaphore::new(waiting)) }
    }

    /// Answers demands as long as the configuration is in use.
    pub(super) async fn answer(&mut self) {
        while let Some(Demand { name, reply }) = self.demands.recv().await {
            // A handshake that gave up leaves its work here, so that those that wait do not bound it.
            let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { continue };
            let (acme, keeper, log) = (Arc::clone(&self.acme), Arc::clone(&self.keeper), Arc::clone(&self.log));
            tokio::spawn(async move {
                let _place = place;
                let _ = reply.send(keeper.has_certificate_for(&acme, &log, &name).await);
            });
        }
    }
}

impl KeeperState {
    /// Gets a certificate for a name if it may have one. Whether it has one now.
    async fn has_certificate_for(self: &Arc<Self>, acme: &Arc<Acme>, log: &Arc<Log>, name: &str) -> bool {
        let Some(on_demand) = &acme.on_demand else { return false };
        let costs = &self.demand_costs;
        if !is_host_name(name) || costs.refusals.lock().has(name) {
            return false;
        }
        if !costs.has_room(on_demand) {
            costs.tell(log, on_demand, name);
            return false;
        }
        match on_demand.ask(name).await {
            Permission::Yes => {}
            Permission::No => {
                log.debug(format_args!("acme: {name}: on_demand says no"));
                costs.refusals.lock().add(name, on_demand.refused_for);
                return false;
            }
            Permission::Failed(why) => {
                log.warn(format_args!("acme: {name}: on_demand says nothing, which counts as no: {why}"));
                costs.refusals.lock().add(name, UNANSWERED.min(on_demand.refused_for));
                return false;
            }
        }
        match self.may_be_tried(acme, name).await {
            Ok(true) if !costs.take_room(on_demand) => {
                costs.tell(log, on_demand, name);
                false
            }
            Ok(true) => {
                let subject = self.table.lock().add_other(name, time_of_day() + MINUTE);
                self.visit_now(acme, log, &subject).await
            }
            Ok(false) => {
                costs.refusals.lock().add(name, UNANSWERED.min(on_demand.refused_for));
                false
            }
            Err(StorageError(error)) => {
                self.say_trouble(log, format_args!("acme: {name}: {error}"), &error);
                false
            }
        }
    }

    /// Whether no attempt for the name has failed just now, in this process or another.
    async fn may_be_tried(&self, acme: &Acme, name: &str) -> Result<bool, StorageError> {
        let state = CertificateState::load(&acme.storage, name).await?;
        Ok(state.next_attempt.is_none_or(|next| next <= time_of_day()))
    }
}

impl DemandCosts {
    /// Whether another order may begin in this minute.
    fn has_room(&self, on_demand: &OnDemand) -> bool {
        let mut orders = self.orders.lock();
        orders.retain(|begun| begun.elapsed() < MINUTE);
        orders.len() < on_demand.per_minute
    }

    /// Counts an order, if it may begin.
    fn take_room(&self, on_demand: &OnDemand) -> bool {
        let has_room = self.has_room(on_demand);
        if has_room {
            self.orders.lock().push(Instant::now());
        }
        has_room
    }

    /// Tells once in a minute that there is no room.
    fn tell(&self, log: &Log, on_demand: &OnDemand, name: &str) {
        let mut told = self.told.lock();
        if told.is_none_or(|told| told.elapsed() >= MINUTE) {
            *told = Some(Instant::now());
            let most = on_demand.per_minute;
            log.warn(format_args!("acme: {name}: {most} were ordered on demand in this minute, and no more are"));
        }
    }
}
