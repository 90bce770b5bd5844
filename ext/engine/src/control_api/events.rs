//! `GET /events`: figures each second and what happens in between, as server-sent events.

use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{mpsc, OwnedSemaphorePermit};
use tokio::time::{Instant, MissedTickBehavior};

use super::{ApiState, Operations};
use crate::fork_safe::Mutex;

/// Media type of event streams.
pub(crate) const MEDIA_TYPE: &str = "text/event-stream";
/// Time between two figures.
const SECOND: Duration = Duration::from_secs(1);
/// Age of figures that are still good for another stream.
const RECENT: Duration = Duration::from_millis(500);
/// Time after which a client connects again, as an event stream says it.
const BEGINNING: &str = "retry: 2000\n\n";
/// Pieces that may wait for a client.
const WAITING: usize = 4;

/// The latest figures as an event, for all streams: they are expensive with many backends.
#[derive(Debug, Default)]
pub(super) struct RecentFigures(Mutex<Option<(Instant, Bytes)>>);

impl RecentFigures {
    fn event(&self, operations: &dyn Operations) -> Bytes {
        let mut recent = self.0.lock();
        if let Some((made, event)) = &*recent {
            if made.elapsed() < RECENT {
                return event.clone();
            }
        }
        let event = event("figures", &operations.figures());
        *recent = Some((Instant::now(), event.clone()));
        event
    }
}

/// An event in the form of event streams. JSON in one line has no line break in it.
pub(crate) fn event(name: &str, facts: &Value) -> Bytes {
    format!("event: {name}\ndata: {facts}\n\n").into()
}

/// Begins a stream of events, which ends when the client goes, the place is closed or the server ends.
pub(super) fn follow(
    api: &Arc<ApiState>,
    operations: &Arc<dyn Operations>,
    permit: OwnedSemaphorePermit,
    closed: impl std::future::Future<Output = ()> + Send + 'static,
) -> mpsc::Receiver<Bytes> {
    let (pieces, taken) = mpsc::channel(WAITING);
    let (api, news, operations) = (Arc::clone(api), operations.news(), Arc::downgrade(operations));
    tokio::spawn(async move {
        let _permit = permit;
        tokio::select! {
            biased;
            () = closed => {}
            () = pieces.closed() => {}
            () = feed(&api, &operations, news, &pieces) => {}
        }
    });
    taken
}

async fn feed(
    api: &ApiState,
    operations: &Weak<dyn Operations>,
    mut news: tokio::sync::broadcast::Receiver<crate::events::News>,
    pieces: &mpsc::Sender<Bytes>,
) {
    let mut next = Bytes::from_static(BEGINNING.as_bytes());
    let mut seconds = tokio::time::interval(SECOND);
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        if pieces.send(next).await.is_err() {
            return;
        }
        next = tokio::select! {
            biased;
            happened = news.recv() => match happened {
                Ok(happened) => event(happened.name, &happened.facts),
                // The figures that follow have the states of now.
                Err(RecvError::Lagged(_)) => continue_with_comment(),
                Err(RecvError::Closed) => return,
            },
            _ = seconds.tick() => {
                let Some(operations) = operations.upgrade() else { return };
                api.figures.event(&*operations)
            }
        };
    }
}

/// A line that clients pass over.
fn continue_with_comment() -> Bytes {
    Bytes::from_static(b": some events were lost\n\n")
}
