//! Reload: another configuration for a running server.

use std::convert::Infallible;
use std::future::Future;
use std::io::ErrorKind;
use std::sync::mpsc::{channel, Sender};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use tokio::sync::{AcquireError, OwnedSemaphorePermit};

use super::bind_failure::{cannot_bind, unbound};
use super::threads::Change;
use super::{too_many_connections, Server, StartError};
use crate::compile::Purpose;
use crate::config::Problem;
use crate::configuration::Config;
use crate::downstream::listener::Listener;
use crate::listen::binds::{Bind, Binds};
use crate::snapshot::{self, Settings};

/// Time that a reload waits for sockets to close. Closing takes time only where more connections wait than may be
/// served.
const CLOSING: Duration = Duration::from_secs(1);

impl Server {
    /// Serves by another configuration from now on, and returns warnings about likely mistakes in it. Requests in
    /// flight, tunnels included, finish under the configuration with which they began.
    ///
    /// Addresses in both configurations keep their sockets. Addresses that are gone accept the connections that wait,
    /// then close. Equal parts carry their state over: backends keep connections, figures and health; limits keep their
    /// counts. Files are read again, and the access log is reopened. Two reloads at once run one after the other.
    ///
    /// # Errors
    /// If something is wrong, if an address cannot be bound, or if the server is stopping. Everything then stays as it
    /// was.
    pub fn reload(&self, config: &Config) -> Result<Vec<Problem>, StartError> {
        let _one_at_a_time = self.reloading.lock();
        let reloaded = self.take(config);
        self.snapshot.load().metrics().reloads.ended(reloaded.is_ok(), SystemTime::now());
        reloaded
    }

    fn take(&self, config: &Config) -> Result<Vec<Problem>, StartError> {
        if self.life.is_stopping() {
            return Err(StartError::Stopped);
        }
        let before = self.snapshot.load_full();
        let compiled = snapshot::carry_over(Some(&before), config, Purpose::Start);
        if compiled.has_errors() {
            return Err(StartError::Configuration(compiled.problems));
        }
        let (snapshot, settings, mut problems) = (Arc::new(compiled.snapshot), compiled.settings, compiled.problems);
        let listeners = self.bind_new(&snapshot.binds, config)?;
        let doors = self.control_api.open(&settings.control, &[], &self.log).map_err(StartError::Bind)?;
        if let Some(access_log) = &snapshot.globals.access_log {
            access_log.start(&self.log).map_err(StartError::System)?;
        }

        // Nothing can fail from here on.
        let (closing, closed) = channel();
        {
            let mut running = self.running.lock();
            let _steady = self.steering.hold();
            before.retire(&snapshot);
            snapshot.binds.carry_over(&before.binds);
            snapshot.start(&self.control.background, &self.log);
            self.snapshot.store(Arc::clone(&snapshot));
            snapshot.note_stops();
            self.log.take_level_of(&settings.log);
            running.shutdown_timeout = settings.shutdown_timeout;
            running.tunnel_grace = settings.tunnel_grace;
            self.allow(self.control.descriptors.clients(settings.max_connections), &mut running.max_connections);
            self.listen(&snapshot.binds, listeners, &mut running.listening, closing);
        }
        self.control_api.take(&settings.control, doors, &self.control.background, &self.log);
        self.notes.loaded();
        if let Some(log) = &before.globals.access_log {
            self.control.wait_for_log(log.rest());
        }
        self.control.tell();
        self.steering.reloaded(&snapshot, settings.state.as_deref());
        snapshot.events.reloaded();
        // So that the next reload can bind the same address again.
        let _ = closed.recv_timeout(CLOSING);
        problems.extend(self.other_threads(config, &settings));
        let too_many = too_many_connections(self.control.descriptors, &config.max_connections, &settings);
        if let Some(problem) = too_many {
            self.log.warn(format_args!("{problem}"));
            problems.push(problem);
        }
        Ok(problems)
    }

    /// Binds the addresses that are not bound yet.
    fn bind_new(&self, binds: &Binds, config: &Config) -> Result<Vec<Listener>, StartError> {
        let running = self.running.lock();
        let known = |bind: &Bind| running.listening.iter().any(|(known, _)| known.key == bind.key);
        let mut listeners = Vec::new();
        for (number, bind) in binds.iter().enumerate().filter(|(_, bind)| !known(bind)) {
            let listener = Listener::open(bind, config.handed_over(number), binds.is_beside_v4(bind));
            let listener = listener.map_err(|error| {
                let port = bind.key.address.port().filter(|_| error.kind() == ErrorKind::AddrInUse);
                let own = |(known, _): &&(Arc<Bind>, String)| port.is_some() && known.key.address.port() == port;
                match running.listening.iter().find(own) {
                    Some((_, url)) => own_address(bind, url),
                    None => cannot_bind(bind, &error),
                }
            })?;
            listeners.push(listener);
        }
        Ok(listeners)
    }

    /// Makes the accepting thread listen where the new configuration says.
    fn listen(
        &self,
        binds: &Binds,
        new: Vec<Listener>,
        listening: &mut Vec<(Arc<Bind>, String)>,
        closing: Sender<Infallible>,
    ) {
        let mut shown = Vec::with_capacity(binds.len());
        for bind in binds.iter() {
            let known = listening.iter().find(|(known, _)| known.key == bind.key);
            let new = || new.iter().find(|listener| listener.bind.key == bind.key).map(|listener| &listener.url);
            if let Some(url) = known.map(|(_, url)| url).or_else(new) {
                // A bind that stays keeps its address, but its scheme may change.
                let address = url.split_once("://").map_or("", |(_, address)| address);
                shown.push((Arc::clone(bind), format!("{}://{address}", bind.scheme())));
            }
        }
        for (bind, _) in std::mem::replace(listening, shown) {
            self.control.change(match binds.get(&bind.key) {
                Some(bind) => Change::Keep(Arc::clone(bind)),
                None => Change::Leave(bind.key.clone(), closing.clone()),
            });
        }
        for listener in new {
            self.control.change(Change::Listen(listener));
        }
    }

    /// Sets the maximum number of client connections.
    fn allow(&self, new: usize, now: &mut usize) {
        let permits = &self.control.permits;
        let before = std::mem::replace(now, new);
        if new > before {
            permits.add_permits(new - before);
        }
        let fewer = u32::try_from(before.saturating_sub(new)).unwrap_or(u32::MAX);
        if fewer > 0 {
            let mut fewer = Box::pin(Arc::clone(permits).acquire_many_owned(fewer));
            // This request for permits is in the semaphore's queue from now on, before those of the accept loops. They
            // queue again when they hear of the new options.
            let taken = fewer.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            let forget =
                |taken: Result<OwnedSemaphorePermit, AcquireError>| drop(taken.map(OwnedSemaphorePermit::forget));
            match taken {
                Poll::Ready(taken) => forget(taken),
                // Runs as connections end. Until there are few enough, none is accepted.
                Poll::Pending => drop(self.control.background.spawn(async move { forget(fewer.await) })),
            }
        }
    }

    /// A warning if `threads` differs: the number of threads is the only setting that a reload does not change.
    fn other_threads(&self, config: &Config, settings: &Settings) -> Option<Problem> {
        let (wanted, running) = (settings.threads, self.counters.len());
        if wanted == running {
            return None;
        }
        let message = format!("{wanted} of them are for the next start: {running} run until then");
        let problem =
            Problem::warning(config.threads.as_ref().and_then(|threads| threads.at.as_ref()), "threads", message);
        self.log.warn(format_args!("{problem}"));
        Some(problem)
    }
}

/// The error for a new address that overlaps with an address of this server: one of them is every address of the
/// machine.
fn own_address(bind: &Bind, url: &str) -> StartError {
    let message = format!(
        "this server listens at {url} until the configuration is changed, and the two cannot listen at the same time: \
         leave that one out, reload, then write this one and reload again; or stop the server and start it"
    );
    unbound(bind, &message)
}

#[cfg(test)]
mod tests;
