//! Places of client connections: as many as `max_connections`, and what happens when all are taken.
//!
//! Whoever comes then is a guest: accepted, and not yet served. Once it says something, the connection that has been idle longest is
//! closed and it gets the place. One that says nothing displaces nobody, and soon makes room for other guests. While no connection is
//! idle guests wait, and beyond some of them those who come wait in the system's backlog.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, TryAcquireError};
use tokio::time::{sleep, timeout, timeout_at, Instant};

use super::socket::RawStream;
use super::{RawConnection, Threads};
use crate::client::ClientInfo;
use crate::listen::binds::Bind;
use crate::log::Log;

/// A guest that has said nothing for so long leaves.
const SILENCE: Duration = Duration::from_secs(1);
/// How often is looked for an idle connection while there is none, or while one has been told and takes its time.
const AGAIN: Duration = Duration::from_millis(100);

/// What the listeners of a server share.
#[derive(Clone)]
pub(crate) struct ConnectionLimit {
    pub(crate) permits: Arc<Semaphore>,
    pub(crate) guests: Arc<Semaphore>,
    pub(crate) threads: Arc<Threads>,
    pub(crate) log: Arc<Log>,
}

/// What a connection is accepted with.
pub(super) enum ConnectionPermit {
    Own(OwnedSemaphorePermit),
    Guest(OwnedSemaphorePermit),
}

impl ConnectionLimit {
    /// A place for the next connection, or one for a guest. `None` if there will be no more.
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

    /// Closes idle connections until one of the places is free. `None` at `end`.
    pub(super) async fn make_place(&self, end: Option<Instant>) -> Option<OwnedSemaphorePermit> {
        // It keeps its turn while it waits.
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

    /// Sees a guest off, or to a place.
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

    /// Has idle connections closed while a new one took a descriptor that is kept for other things, and moves it to another.
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
