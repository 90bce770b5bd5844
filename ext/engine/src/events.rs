//! Events in the life of a server, of which Ruby blocks hear: `on :backend_down do |event| … end`.
//!
//! An event goes into the queue of each block that wants to hear of it. Nobody waits for the block. Of events that
//! still wait and are about the same, the latest stays.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::broadcast;
use tokio::task::AbortHandle;

use crate::blocks::{Block, BlockArgument, BlockLimits, BlockSet, BlockValue};
use crate::clock::time_of_day;
use crate::compile::Report;
use crate::config::{EventsConfig, Problem};
use crate::log::Log;
use crate::panics::enduring;

/// The directive.
const WORD: &str = "on";
/// Calls of one block: one after the other, so that a block hears of events in their order.
const LIMITS: BlockLimits = BlockLimits { threads: 1, queue: 1_000 };
/// Time between two looks at the certificates.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Events that may wait for one follower.
const FOLLOWED: usize = 256;

/// Days before the end of a certificate, at most.
const MOST_DAYS: f64 = 3_650.0;

/// Kind of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventKind {
    /// A backend gets no requests any more.
    BackendDown,
    /// A backend that was down gets requests again.
    BackendUp,
    /// Another configuration is in use.
    Reload,
    /// A certificate of a bind ends soon, or has ended.
    CertificateExpiring,
}

impl EventKind {
    /// Every kind, by its name in a configuration.
    const ALL: [(&'static str, Self); 4] = [
        ("backend_down", Self::BackendDown),
        ("backend_up", Self::BackendUp),
        ("reload", Self::Reload),
        ("certificate_expiring", Self::CertificateExpiring),
    ];

    fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}

/// A certificate of a bind.
#[derive(Debug, Clone)]
pub(crate) struct KnownCertificate {
    /// URL of the bind.
    pub(crate) bind: Box<str>,
    /// Names in the certificate.
    pub(crate) names: Arc<[String]>,
    /// End of its validity.
    pub(crate) until: SystemTime,
}

/// A block that hears of events.
#[derive(Debug, Clone)]
struct EventListener {
    kinds: Vec<EventKind>,
    /// Time before the end of a certificate from which on the block hears of it.
    ahead: Duration,
    block: Block,
}

/// The blocks of one configuration that hear of events.
#[derive(Debug, Clone, Default)]
pub(crate) struct EventListeners(Arc<Vec<EventListener>>);

impl EventListeners {
    /// Checks the directives.
    pub(crate) fn compile(config: &[EventsConfig], blocks: &BlockSet, problems: &mut Vec<Problem>) -> Self {
        let compile = |config: &EventsConfig| {
            let mut report = Report::new(WORD, config.at.as_ref(), problems);
            if config.names.is_empty() {
                report.error("there is no event: write one, such as on :backend_down do |event| … end");
            }
            let kinds: Vec<_> = config
                .names
                .iter()
                .filter_map(|name| report.one_of(name, "is not an event", &EventKind::ALL))
                .collect();
            let is_sound = (0.0..=MOST_DAYS).contains(&config.days);
            if !is_sound {
                let message = format!("{} is out of range: write days from 0 to {MOST_DAYS}", config.days);
                report.within("days").error(message);
            }
            let ahead = DAY.mul_f64(if is_sound { config.days } else { 0.0 });
            if config.block.is_none() {
                report.error("has no block: write on :backend_down do |event| … end");
            }
            let block = blocks.block(config.block?, LIMITS, WORD, config.at.as_ref());
            Some(EventListener { kinds, ahead, block })
        };
        Self(Arc::new(config.iter().filter_map(compile).collect()))
    }

    fn of(&self, kind: EventKind) -> impl Iterator<Item = &EventListener> {
        self.0.iter().filter(move |listener| listener.kinds.contains(&kind))
    }

    /// Tells of the certificates that end soon.
    fn tell_of(&self, certificates: &[KnownCertificate]) {
        let now = time_of_day();
        for listener in self.of(EventKind::CertificateExpiring) {
            for certificate in certificates.iter().filter(|certificate| certificate.until < now + listener.ahead) {
                let KnownCertificate { bind, names, until } = certificate;
                let facts = json!({ "bind": bind, "names": &names[..], "expires": seconds(*until) });
                listener.hear(EventKind::CertificateExpiring, &format!("{bind} {}", names.join(" ")), &facts);
            }
        }
    }
}

impl EventListener {
    /// Puts an event into the queue of the block. `about` is what it is about; the latest event of the kind about it
    /// takes the place of one that waits.
    fn hear(&self, kind: EventKind, about: &str, facts: &BlockValue) {
        let mut event = facts.clone();
        event["name"] = kind.name().into();
        let key = format!("{} {about}", kind.name());
        self.block.notify(BlockArgument::Value(event), Some(&key));
    }
}

/// An event, for who follows them through the control API.
#[derive(Debug, Clone)]
pub(crate) struct News {
    /// `backend` or `reload`.
    pub(crate) name: &'static str,
    pub(crate) facts: Arc<BlockValue>,
}

/// Sends [`News`] to all that follow. Who is slow loses some.
#[derive(Debug)]
struct NewsChannel(broadcast::Sender<News>);

impl Default for NewsChannel {
    fn default() -> Self {
        Self(broadcast::channel(FOLLOWED).0)
    }
}

/// Where events come together, as long as the server runs.
#[derive(Debug, Default)]
pub(crate) struct EventHub {
    news: NewsChannel,
    listeners: ArcSwap<EventListeners>,
    /// The task that looks at the certificates.
    watch: Mutex<Option<AbortHandle>>,
}

impl EventHub {
    /// Lets the blocks of another configuration hear of events from now on, in place of those before.
    pub(crate) fn listen(
        &self,
        listeners: &EventListeners,
        certificates: Vec<KnownCertificate>,
        handle: &Handle,
        log: &Arc<Log>,
    ) {
        self.listeners.store(Arc::new(listeners.clone()));
        let is_watched = listeners.of(EventKind::CertificateExpiring).next().is_some() && !certificates.is_empty();
        let listeners = listeners.clone();
        let work = move || watch(listeners.clone(), certificates.clone());
        let watch = enduring("the look at certificates that end", Arc::clone(log), work);
        let watch = is_watched.then(|| handle.spawn(watch).abort_handle());
        let before = std::mem::replace(&mut *self.watch.lock(), watch);
        if let Some(before) = before {
            before.abort();
        }
    }

    /// Events from now on.
    pub(crate) fn follow(&self) -> broadcast::Receiver<News> {
        self.news.0.subscribe()
    }

    /// Tells those who follow.
    pub(crate) fn tell(&self, name: &'static str, facts: impl FnOnce() -> BlockValue) {
        if self.news.0.receiver_count() > 0 {
            let _ = self.news.0.send(News { name, facts: Arc::new(facts()) });
        }
    }

    /// Tells that another configuration is in use.
    pub(crate) fn reloaded(&self) {
        let facts = json!({ "since": seconds(time_of_day()) });
        for listener in self.listeners.load().of(EventKind::Reload) {
            listener.hear(EventKind::Reload, "", &facts);
        }
    }

    /// Tells that a certificate which the proxy gets by itself ends at a moment, was not renewed, and why, if that is
    /// known. Whether anybody hears of it.
    pub(crate) fn not_renewed(&self, names: &[String], until: SystemTime, why: Option<&str>) -> bool {
        let now = time_of_day();
        let mut is_heard = false;
        for listener in self.listeners.load().of(EventKind::CertificateExpiring) {
            if until.duration_since(now).is_ok_and(|left| left >= listener.ahead) {
                continue;
            }
            let facts = json!({ "names": names, "expires": seconds(until), "why": why });
            listener.hear(EventKind::CertificateExpiring, &names.join(" "), &facts);
            is_heard = true;
        }
        is_heard
    }

    /// Tells that a backend is down, or up again, and why.
    pub(crate) fn backend(&self, is_down: bool, upstream: &str, backend: &str, why: std::fmt::Arguments<'_>) {
        let kind = if is_down { EventKind::BackendDown } else { EventKind::BackendUp };
        self.tell("backend", || {
            let since = seconds(time_of_day());
            json!({ "upstream": upstream, "backend": backend, "is_down": is_down, "why": why.to_string(),
                    "since": since })
        });
        for listener in self.listeners.load().of(kind) {
            let facts = json!({
                "upstream": upstream, "backend": backend, "why": why.to_string(), "since": seconds(time_of_day()),
            });
            listener.hear(kind, &format!("{upstream} {backend}"), &facts);
        }
    }
}

/// Looks at the certificates now and every day.
async fn watch(listeners: EventListeners, certificates: Vec<KnownCertificate>) {
    loop {
        listeners.tell_of(&certificates);
        tokio::time::sleep(DAY).await;
    }
}

/// A time in seconds since 1970.
fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests;
