//! `GET /events`: figures each second and what happens in between, as server-sent events. With `?log=1` also access
//! lines, those that `status`, `path` and `slower_than` select.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde_json::{json, Value};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{mpsc, OwnedSemaphorePermit};
use tokio::time::{Instant, MissedTickBehavior};

use super::{ApiState, Operations, Refusal};
use crate::access_log::{TapFilter, TapNews, TapReader};
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

/// The access lines that a query asks for. `None` without `log=1`.
///
/// # Errors
/// 400, for a parameter that is unknown or has a wrong value.
pub(super) fn wanted_lines(query: &str) -> Result<Option<TapFilter>, Refusal> {
    let refused = |error: String| Refusal::new(StatusCode::BAD_REQUEST, error);
    let (mut is_wanted, mut filter) = (false, TapFilter::default());
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match (&*name, &*value) {
            ("log", "1") => is_wanted = true,
            ("log", "0") => is_wanted = false,
            ("log", value) => return Err(refused(format!("log: {value:?} is no choice: write log=1 or leave it out"))),
            (name, value) => filter.add(name, value).map_err(refused)?,
        }
    }
    match is_wanted {
        true => Ok(Some(filter)),
        false if filter == TapFilter::default() => Ok(None),
        false => Err(refused("the conditions are for access lines: write log=1 too".into())),
    }
}

/// Begins a stream of events, which ends when the client goes, the place is closed or the server ends.
pub(super) fn follow(
    api: &Arc<ApiState>,
    operations: &Arc<dyn Operations>,
    lines: Option<TapReader>,
    permit: OwnedSemaphorePermit,
    closed: impl Future<Output = ()> + Send + 'static,
) -> mpsc::Receiver<Bytes> {
    let (pieces, taken) = mpsc::channel(WAITING);
    let (api, news, operations) = (Arc::clone(api), operations.news(), Arc::downgrade(operations));
    tokio::spawn(async move {
        let _permit = permit;
        tokio::select! {
            biased;
            () = pieces.closed() => {}
            () = feed(&api, &operations, news, lines, &pieces, closed) => {}
        }
    });
    taken
}

/// Sends what there is to tell until `closed` is ready, and then the lines that wait.
async fn feed(
    api: &ApiState,
    operations: &Weak<dyn Operations>,
    mut news: tokio::sync::broadcast::Receiver<crate::events::News>,
    mut lines: Option<TapReader>,
    pieces: &mpsc::Sender<Bytes>,
    closed: impl Future<Output = ()>,
) {
    let mut closed = pin!(closed);
    let mut next = Bytes::from_static(BEGINNING.as_bytes());
    let mut seconds = tokio::time::interval(SECOND);
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        if pieces.send(next).await.is_err() {
            return;
        }
        next = tokio::select! {
            biased;
            () = &mut closed => break,
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
            line = next_line(&mut lines) => line,
        };
    }
    // They are of requests that ended while the server stopped.
    let Some(mut lines) = lines else { return };
    lines.close();
    while let Some(news) = lines.next().await {
        if pieces.send(line_event(news)).await.is_err() {
            return;
        }
    }
}

/// The next access line as an event; never ready if none are wanted.
async fn next_line(lines: &mut Option<TapReader>) -> Bytes {
    let news = match lines {
        Some(lines) => lines.next().await,
        None => None,
    };
    match news {
        Some(news) => line_event(news),
        None => std::future::pending().await,
    }
}

fn line_event(news: TapNews) -> Bytes {
    match news {
        TapNews::Line(line) => format!("event: log\ndata: {line}\n\n").into(),
        TapNews::Lost(lost) => event("log", &json!({ "lost_lines": lost })),
    }
}

/// A line that clients pass over.
fn continue_with_comment() -> Bytes {
    Bytes::from_static(b": some events were lost\n\n")
}

#[cfg(test)]
mod tests;
