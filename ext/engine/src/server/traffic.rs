//! Changes of the traffic while the server runs: pauses, maintenance, and the percentages of splits.

mod calls;
mod purge;

pub(super) use calls::shown_order;

use std::sync::MutexGuard;
use std::time::Duration;

use super::{RunningConfig, Server, UnknownBackend};
use crate::runtime_state::traffic::{MaintenanceOrder, TrafficState};
use crate::snapshot::WrongShare;
use crate::upstream::traffic::{RuntimeMaintenance, LONGEST_PAUSE};

/// Why the traffic was not changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrafficError {
    /// No upstream has the requested name.
    Unknown(UnknownBackend),
    /// All mistakes in what was asked for.
    Mistakes(Vec<String>),
    /// Another process takes the place of this one.
    Refused(&'static str),
}

impl std::fmt::Display for TrafficError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown(unknown) => unknown.fmt(f),
            Self::Mistakes(mistakes) => f.write_str(&mistakes.join("; ")),
            Self::Refused(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for TrafficError {}

/// The mistake of a pause for so many seconds.
fn no_pause(seconds: f64) -> String {
    format!("{seconds} s is not a valid pause: write seconds above 0, and at most 86400")
}

impl Server {
    /// Pauses an upstream until [`Server::resume`]. Its requests are held, as many as its `queue` at once (1,000
    /// without one), for up to `time` from now; after that they are answered 503. A second call changes the time.
    ///
    /// # Errors
    /// If no upstream has that name, or if the time is 0 or more than a day.
    pub fn pause(&self, upstream: &str, time: Duration) -> Result<(), TrafficError> {
        if time.is_zero() || time > LONGEST_PAUSE {
            return Err(TrafficError::Mistakes(vec![no_pause(time.as_secs_f64())]));
        }
        // Not during a reload, when it would reach only one of the two configurations.
        let _running = self.steady()?;
        let snapshot = self.snapshot.load();
        let found = snapshot.upstream_named(upstream).map_err(|names| unknown(upstream, names))?;
        found.group().traffic().gate().close(time);
        snapshot.note_stops();
        self.steering.keeper.changed();
        self.log.info(format_args!("upstream {upstream}: paused: requests are held for up to {time:?}"));
        Ok(())
    }

    /// Ends the pause and the maintenance of an upstream. Requests that are held go on, in order. Without a name it
    /// ends the maintenance of all upstreams.
    ///
    /// # Errors
    /// If no upstream has that name.
    pub fn resume(&self, upstream: Option<&str>) -> Result<(), TrafficError> {
        let Some(upstream) = upstream else { return self.set_maintenance(None, None) };
        let _running = self.steady()?;
        let snapshot = self.snapshot.load();
        let found = snapshot.upstream_named(upstream).map_err(|names| unknown(upstream, names))?;
        let traffic = found.group().traffic();
        traffic.set_maintenance(None);
        let held = traffic.gate().held();
        if traffic.gate().open() {
            self.log.info(format_args!("upstream {upstream}: resumed, with {held} held"));
        }
        snapshot.note_stops();
        self.steering.keeper.changed();
        Ok(())
    }

    /// Begins maintenance of an upstream, or of all, and replaces one that there is; `None` ends it. Requests are
    /// answered 503, but for clients that are let in.
    ///
    /// # Errors
    /// If no upstream has that name, or if the order has mistakes. Everything then stays as it was.
    pub fn set_maintenance(&self, upstream: Option<&str>, order: Option<MaintenanceOrder>) -> Result<(), TrafficError> {
        let maintenance = order.map(RuntimeMaintenance::new).transpose().map_err(TrafficError::Mistakes)?;
        let what = if maintenance.is_some() { "begins" } else { "ends" };
        let _running = self.steady()?;
        let snapshot = self.snapshot.load();
        match upstream {
            None => {
                snapshot.set_maintenance_of_all(maintenance);
                self.log.info(format_args!("maintenance of all upstreams {what}"));
            }
            Some(name) => {
                let found = snapshot.upstream_named(name).map_err(|names| unknown(name, names))?;
                found.group().traffic().set_maintenance(maintenance);
                snapshot.note_stops();
                self.log.info(format_args!("upstream {name}: maintenance {what}"));
            }
        }
        self.steering.keeper.changed();
        Ok(())
    }

    /// Sets the percentage of requests that splits send to an upstream, until the file says another one.
    ///
    /// # Errors
    /// If no split names the upstream, or if the percentages of a split would be more than 100 together.
    pub fn set_split(&self, upstream: &str, percent: f64) -> Result<(), TrafficError> {
        let _running = self.steady()?;
        self.snapshot.load().set_share(upstream, percent).map_err(|wrong| match wrong {
            WrongShare::Mistake(message) => TrafficError::Mistakes(vec![message]),
            WrongShare::Unknown(names) => TrafficError::Unknown(UnknownBackend {
                kind: "upstream of a split",
                target: upstream.to_owned(),
                names,
            }),
        })?;
        self.steering.keeper.changed();
        self.log.info(format_args!("split: {percent} % go to {upstream}"));
        Ok(())
    }

    /// Lets nobody change the traffic until the guard is dropped. Refuses a change that another process, which takes
    /// the place of this one, would not know.
    fn steady(&self) -> Result<MutexGuard<'_, RunningConfig>, TrafficError> {
        let running = self.running.lock();
        match self.steering.succession.borrow().refusal() {
            Some(why) => Err(TrafficError::Refused(why)),
            None => Ok(running),
        }
    }

    /// What was changed at run time. It holds secrets.
    pub fn traffic(&self) -> TrafficState {
        self.snapshot.load().traffic()
    }

    /// Changes all that `state` says, as a server before this one had it. A pause goes on until its time. Returns what
    /// could not be changed, and why.
    pub fn restore_traffic(&self, state: &TrafficState) -> Vec<String> {
        let _running = self.running.lock();
        let lost = self.snapshot.load().take_traffic(state);
        self.steering.keeper.changed();
        lost
    }
}

fn unknown(upstream: &str, names: Vec<String>) -> TrafficError {
    TrafficError::Unknown(UnknownBackend { kind: "upstream", target: upstream.to_owned(), names })
}
