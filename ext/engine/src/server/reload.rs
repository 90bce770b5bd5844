//! Another configuration for a server that runs.

use std::convert::Infallible;
use std::future::Future;
use std::io::ErrorKind;
use std::sync::mpsc::{channel, Sender};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::{AcquireError, OwnedSemaphorePermit};

use super::threads::Change;
use super::{cannot_bind, too_many_connections, unbound, Server, StartError};
use crate::compile::Purpose;
use crate::config::Problem;
use crate::configuration::Config;
use crate::downstream::listener::Listener;
use crate::listen::binds::{Bind, Binds};
use crate::snapshot::{self, Settings};

/// How long a reload waits for sockets that are to be closed. Only those where more wait than may be served take any
/// time.
const CLOSING: Duration = Duration::from_secs(1);

impl Server {
    /// Serves by another configuration from now on, and returns what looks like a slip in it. Requests in flight,
    /// tunnels included, finish under the one that they began with.
    ///
    /// Places to listen at that are in both keep their sockets; those that are no longer there accept whoever waits,
    /// then close. What is the same in both goes on: backends keep connections, figures and health, limits their
    /// counts. Files are read again, and the access log is opened anew. Two at once are done one after the other.
    ///
    /// # Errors
    /// If something is wrong, if an address cannot be bound, or if the server is stopping. Everything then stays as it
    /// was.
    pub fn reload(&self, config: &Config) -> Result<Vec<Problem>, StartError> {
        let _one_at_a_time = self.reloading.lock();
        if self.life.is_stopping() {
            return Err(StartError::Stopped);
        }
        let before = self.snapshot.load_full();
        let compiled = snapshot::carry_over(Some(&before), config, Purpose::Start);
        if compiled.has_errors() {
            return Err(StartError::Configuration(compiled.problems));
        }
        let (snapshot, settings, mut problems) = (Arc::new(compiled.snapshot), compiled.settings, compiled.problems);
        let listeners = self.bind_new(&snapshot.binds)?;
        if let Some(access_log) = &snapshot.globals.access_log {
            access_log.start(&self.log).map_err(StartError::System)?;
        }

        // Nothing can fail any more.
        let (closing, closed) = channel();
        {
            let mut terms = self.terms.lock();
            before.retire(&snapshot);
            snapshot.binds.carry_over(&before.binds);
            snapshot.start(&self.control.background, &self.log);
            self.snapshot.store(Arc::clone(&snapshot));
            self.log.take_level_of(&settings.log);
            terms.shutdown_timeout = settings.shutdown_timeout;
            terms.tunnel_grace = settings.tunnel_grace;
            self.allow(self.control.descriptors.clients(settings.max_connections), &mut terms.max_connections);
            self.listen(&snapshot.binds, listeners, &mut terms.listening, closing);
        }
        if let Some(log) = &before.globals.access_log {
            self.control.wait_for_log(log.rest());
        }
        self.control.tell();
        // So that the next one can bind the same address again.
        let _ = closed.recv_timeout(CLOSING);
        problems.extend(self.other_threads(config, &settings));
        let too_many = too_many_connections(self.control.descriptors, &config.max_connections, &settings);
        if let Some(problem) = too_many {
            self.log.warn(format_args!("{problem}"));
            problems.push(problem);
        }
        Ok(problems)
    }

    /// Binds the addresses where nobody listens yet.
    fn bind_new(&self, binds: &Binds) -> Result<Vec<Listener>, StartError> {
        let terms = self.terms.lock();
        let known = |bind: &Bind| terms.listening.iter().any(|(known, _)| known.key == bind.key);
        let mut listeners = Vec::new();
        for bind in binds.iter().filter(|bind| !known(bind)) {
            let listener = Listener::bind(bind, binds.is_beside_v4(bind)).map_err(|error| {
                let port = bind.key.address.port().filter(|_| error.kind() == ErrorKind::AddrInUse);
                let own = |(known, _): &&(Arc<Bind>, String)| port.is_some() && known.key.address.port() == port;
                match terms.listening.iter().find(own) {
                    Some((_, url)) => own_address(bind, url),
                    None => cannot_bind(bind, &error),
                }
            })?;
            listeners.push(listener);
        }
        Ok(listeners)
    }

    /// Has the accepting thread listen where the new configuration says.
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
                // Of one that stays the address is the same, and perhaps not how it is spoken to.
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

    /// Has so many client connections at once.
    fn allow(&self, new: usize, now: &mut usize) {
        let permits = &self.control.permits;
        let before = std::mem::replace(now, new);
        if new > before {
            permits.add_permits(new - before);
        }
        let fewer = u32::try_from(before.saturating_sub(new)).unwrap_or(u32::MAX);
        if fewer > 0 {
            let mut fewer = Box::pin(Arc::clone(permits).acquire_many_owned(fewer));
            // It stands in line from now on, before those who accept, who join the line anew when they hear of the new
            // terms.
            let taken = fewer.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            let forget =
                |taken: Result<OwnedSemaphorePermit, AcquireError>| drop(taken.map(OwnedSemaphorePermit::forget));
            match taken {
                Poll::Ready(taken) => forget(taken),
                // As connections end. Until there are few enough nobody is accepted.
                Poll::Pending => drop(self.control.background.spawn(async move { forget(fewer.await) })),
            }
        }
    }

    /// The one thing that does not change.
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

/// The new address overlaps with one that the server itself listens at: one of them is every address of the machine.
fn own_address(bind: &Bind, url: &str) -> StartError {
    let message = format!(
        "this server listens at {url} until the configuration is changed, and the two cannot listen at the same time: \
         leave that one out, reload, then write this one and reload again; or stop the server and start it"
    );
    unbound(bind, &message)
}

#[cfg(test)]
mod tests;
