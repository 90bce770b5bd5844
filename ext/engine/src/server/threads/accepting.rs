//! The accepting thread: its accept loops, and what it waits for at the end.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::{Change, Lifecycle, StopOrder};
use crate::control_api::ControlApi;
use crate::downstream::listener::{self, ConnectionLimit};
use crate::fork::Stopping;
use crate::listen::BindKey;
use crate::log::Log;
use crate::tracing::Exporters;

/// Time that a stopping server waits for a collector to take the last spans.
const SPANS_PATIENCE: Duration = Duration::from_secs(3);

/// Time that a stopping server waits for work that blocks, such as a write to storage.
const BLOCKING_PATIENCE: Duration = Duration::from_secs(3);

/// The accept loops: what they share, and how to reach each of them.
pub(super) struct AcceptLoops {
    pub(super) places: ConnectionLimit,
    pub(super) open: Vec<(BindKey, mpsc::UnboundedSender<listener::ListenerOrder>)>,
}

impl AcceptLoops {
    fn change(&mut self, change: Change, accepting: &mut JoinSet<()>) {
        match change {
            Change::Listen(listener) => {
                let (sender, orders) = mpsc::unbounded_channel();
                self.open.push((listener.bind.key.clone(), sender));
                accepting.spawn(listener.run(self.places.clone(), orders));
            }
            Change::Keep(bind) => {
                if let Some((_, accept_loop)) = self.open.iter().find(|(key, _)| *key == bind.key) {
                    let _ = accept_loop.send(listener::ListenerOrder::Keep(bind));
                }
            }
            Change::Leave(left, closed) => {
                if let Some(index) = self.open.iter().position(|(key, _)| *key == left) {
                    let (_, accept_loop) = self.open.swap_remove(index);
                    let _ = accept_loop.send(listener::ListenerOrder::Leave(closed));
                }
            }
            Change::Copy(copies) => self.tell_all(|| listener::ListenerOrder::Copy(copies.clone())),
        }
    }

    fn tell_all(&self, order: impl Fn() -> listener::ListenerOrder) {
        for (_, accept_loop) in &self.open {
            let _ = accept_loop.send(order());
        }
    }

    /// Leaves the sockets to another process. Connections that were accepted here stay.
    async fn pass(&self, accepting: &mut JoinSet<()>, orders: &mut watch::Receiver<StopOrder>) {
        self.tell_all(|| listener::ListenerOrder::Pass);
        while !accepting.is_empty() {
            let Some(end) = *orders.borrow_and_update() else { return };
            tokio::select! {
                _ = accepting.join_next() => {}
                () = tokio::time::sleep_until(end.all) => return,
                changed = orders.changed() => if changed.is_err() { return },
            }
        }
    }
}

/// Body of the accepting thread. The background tasks run in it until every engine thread has ended too.
pub(super) fn accept(
    (runtime, stopping): (Runtime, Stopping),
    mut accept_loops: AcceptLoops,
    mut changes: mpsc::UnboundedReceiver<Change>,
    mut orders: watch::Receiver<StopOrder>,
    (mut all_served, exporters, log): (mpsc::Receiver<Infallible>, &Exporters, &Log),
    control_api: Arc<ControlApi>,
    life: Arc<Lifecycle>,
) {
    runtime.block_on(async move {
        tokio::spawn(stopping.run());
        let mut accepting = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                _ = orders.wait_for(Option::is_some) => break,
                Some(change) = changes.recv() => accept_loops.change(change, &mut accepting),
                Some(_) = accepting.join_next() => {}
            }
        }
        let hands_over = orders.borrow().is_some_and(|order| order.hands_over);
        if hands_over {
            while let Ok(change) = changes.try_recv() {
                accept_loops.change(change, &mut accepting);
            }
            accept_loops.pass(&mut accepting, &mut orders).await;
        }
        accepting.shutdown().await;
        life.accepts_nothing();
        // New sockets that were on their way here close too.
        drop(changes);
        // That closes the inboxes. Each engine thread then has all its accepted connections, and drains.
        drop(accept_loops);
        // Requests in flight still need name resolution: wait for the engine threads to end.
        let _ = all_served.recv().await;
        control_api.finish().await;
        exporters.close(SPANS_PATIENCE, log).await;
    });
    // Work that blocks may never end, such as a look at a file on a dead network drive.
    runtime.shutdown_timeout(BLOCKING_PATIENCE);
}
