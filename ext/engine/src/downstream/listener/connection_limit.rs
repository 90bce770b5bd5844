//! Limit of client connections: `max_connections`, and what happens when it is reached.
//!
//! A client that connects then is a guest: accepted, but not yet served. Once a guest sends something, the connection
//! that has been idle longest is closed, and the guest gets its place. A silent guest displaces no connection, and soon
//! leaves to make room for other guests. While no connection is idle, guests wait. Once the number of guests is at its
//! own limit, further clients wait in the system's backlog.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, TryAcquireError};
use tokio::time::{sleep, timeout, timeout_at, Instant};

use super::socket::{RawClient, RawStream};
use super::{RawConnection, Threads};
use crate::client::ClientInfo;
use crate::listen::binds::Bind;
use crate::log::Log;

/// Time after which a silent guest is disconnected.
const SILENCE: Duration = Duration::from_secs(1);
/// Interval of the search for an idle connection, while there is none or while a chosen one takes its time to close.
const AGAIN: Duration = Duration::from_millis(100);

/// State that the listeners of a server share.
#[derive(Clone)]
pub(crate) struct ConnectionLimit {
    pub(crate) permits: Arc<Semaphore>,
    pub(crate) guests: Arc<Semaphore>,
    pub(crate) threads: Arc<Threads>,
    pub(crate) log: Arc<Log>,
}

/// The permit that a connection is accepted with.
pub(super) enum ConnectionPermit {
    Own(OwnedSemaphorePermit),
    Guest(OwnedSemaphorePermit),
}

impl ConnectionLimit {
    /// A place for the next connection, or for a guest. `None` if there will be no more.
    pub(super) async fn next(&self) -> Option<ConnectionPermit> {
        match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => return Some(ConnectionPermit::Own(permit)),
            Err(TryAcquireError::NoPermits) => {}
            Err(TryAcquireError::Closed) => return None,
        }
        let (permits, guests) = (Arc::clone(&self.permits), Arc::clone(&self.guests));
        tokio::select! {
            biased;
            permit = permits.acquire_owned() => permit.ok().map(ConnectionPermit::Own),
            guest = guests.acquire_owned() => guest.ok().map(ConnectionPermit::Guest),
        }
    }

    /// Closes idle connections until a place is free. `None` at `end`.
    pub(super) async fn make_place(&self, end: Option<Instant>) -> Option<OwnedSemaphorePermit> {
        // Keeps its turn in the semaphore's queue while it waits.
        let mut turn: Pin<Box<dyn Future<Output = Result<_, AcquireError>> + Send>> =
            Box::pin(Arc::clone(&self.permits).acquire_owned());
        loop {
            if let Ok(permit) = timeout(Duration::ZERO, &mut turn).await {
                return permit.ok();
            }
            self.threads.close_longest_idle().await;
            if let Ok(permit) = timeout(AGAIN, &mut turn).await {
                return permit.ok();
            }
            if end.is_some_and(|end| Instant::now() >= end) {
                return None;
            }
        }
    }

    /// Serves a client that waited for a place when its listening socket was left.
    pub(super) async fn hand_over_at_last(&self, (socket, client_info): RawClient, bind: &Arc<Bind>) {
        if let Some(permit) = self.make_place(None).await {
            self.threads.hand_over(RawConnection { socket, client_info, permit, bind: Arc::clone(bind) });
        }
    }

    /// Waits until a guest sends something, then gives it a place. A silent guest is disconnected.
    pub(super) async fn receive(
        self,
        socket: RawStream,
        client_info: ClientInfo,
        bind: Arc<Bind>,
        _guest: OwnedSemaphorePermit,
    ) {
        let Ok(Ok(socket)) = timeout(SILENCE, socket.readable()).await else { return };
        let mut place = Box::pin(self.make_place(None));
        let permit = loop {
            if socket.is_gone() {
                return;
            }
            if let Ok(permit) = timeout(AGAIN, &mut place).await {
                break permit;
            }
        };
        if let Some(permit) = permit {
            self.threads.hand_over(RawConnection { socket, client_info, permit, bind });
        }
    }

    /// Moves a new connection out of the reserve of descriptors. Closes idle connections until a descriptor outside the
    /// reserve is free.
    pub(super) async fn out_of_reserve(&self, mut socket: RawStream) -> RawStream {
        const MOST: Duration = Duration::from_secs(1);
        let end = Instant::now() + MOST;
        while socket.is_reserved() && Instant::now() < end {
            socket = match socket.moved() {
                Ok(moved) => moved,
                Err(socket) => {
                    let _ = timeout_at(end, self.threads.close_longest_idle()).await;
                    sleep(AGAIN / 10).await;
                    socket
                }
            };
        }
        socket
    }
}
