//! The loop that accepts at one socket.

use std::convert::Infallible;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::connection_limit::{ConnectionLimit, ConnectionPermit};
use super::socket::{RawClient, Socket};
use super::{rest, ListenerOrder, RawConnection};
use crate::listen::binds::Bind;
use crate::log::Log;
use crate::panics::enduring_with;

/// What accepting at one socket needs, and what becomes of it.
pub(super) struct AcceptLoop {
    socket: Socket,
    bind: Arc<Bind>,
    places: ConnectionLimit,
    orders: mpsc::UnboundedReceiver<ListenerOrder>,
    guests: JoinSet<()>,
    /// When `accept` last failed.
    told: Option<Instant>,
    /// An accepted connection that has no place yet. The others wait in the backlog meanwhile.
    held: Option<RawClient>,
    /// `None`: the server ends without it.
    parting: Option<Parting>,
}

/// What becomes of a socket where nothing is accepted any more.
enum Parting {
    /// It closes. The other end of the channel learns when that is done.
    Closes(Option<std::sync::mpsc::Sender<Infallible>>),
    /// Another process goes on with it.
    Passes,
}

impl AcceptLoop {
    pub(super) fn new(
        socket: Socket,
        bind: Arc<Bind>,
        places: ConnectionLimit,
        orders: mpsc::UnboundedReceiver<ListenerOrder>,
    ) -> Self {
        Self { socket, bind, places, orders, guests: JoinSet::new(), told: None, held: None, parting: None }
    }

    /// Accepts until the future is dropped or an order says to leave, then leaves.
    pub(super) async fn run(self, log: Arc<Log>) {
        let accepting = enduring_with("the accepting of connections", log, self, |own| Box::pin(own.accept()));
        accepting.await.leave().await;
    }

    async fn accept(&mut self) {
        loop {
            tokio::select! {
                order = self.orders.recv() => match order {
                    Some(ListenerOrder::Keep(now)) => {
                        self.socket.keep(&self.bind, &now, &self.places.log);
                        self.bind = now;
                    }
                    Some(ListenerOrder::Leave(left)) => return self.parting = Some(Parting::Closes(Some(left))),
                    Some(ListenerOrder::Pass) => return self.parting = Some(Parting::Passes),
                    Some(ListenerOrder::Copy(copies)) => match self.socket.copy() {
                        Ok(copy) => drop(copies.send((Arc::clone(&self.bind), copy))),
                        Err(error) => {
                            self.places.log.warn(format_args!("{} cannot be handed over: it {error}", self.bind.url));
                        }
                    },
                    None => return self.parting = Some(Parting::Closes(None)),
                },
                accepted = self.socket.accept(), if self.held.is_none() => match accepted {
                    Ok((socket, client_info)) => {
                        self.held = Some((self.places.out_of_reserve(socket).await, client_info));
                    }
                    Err(error) => rest(&error, &self.places, &mut self.told).await,
                },
                place = self.places.next(), if self.held.is_some() => {
                    let Some(place) = place else { return };
                    let Some((socket, client_info)) = self.held.take() else { continue };
                    let bind = Arc::clone(&self.bind);
                    match place {
                        ConnectionPermit::Own(permit) => {
                            self.places.threads.hand_over(RawConnection { socket, client_info, permit, bind });
                        }
                        ConnectionPermit::Guest(guest) => {
                            self.guests.spawn(self.places.clone().receive(socket, client_info, bind, guest));
                        }
                    }
                }
                Some(_) = self.guests.join_next() => {}
            };
        }
    }

    async fn leave(self) {
        let Self { socket, bind, places, mut guests, held, parting, .. } = self;
        match parting {
            None => return,
            Some(Parting::Passes) => {
                socket.pass();
                if let Some(held) = held {
                    places.hand_over_at_last(held, &bind).await;
                }
            }
            Some(Parting::Closes(left)) => {
                match socket.leave() {
                    Ok(socket) => socket.accept_the_last(held, &bind, &places).await,
                    Err(error) => {
                        let url = &bind.url;
                        places.log.error(format_args!("connections that were waiting at {url} were lost: {error}"));
                    }
                }
                drop(left);
            }
        }
        // The system has told guests that they are connected, so they are waited for.
        while guests.join_next().await.is_some() {}
    }
}
