//! What the control API does with a server. One call is one method; a large one has a file of its own.

mod steering;

use std::collections::BTreeSet;
use std::future::Future;
use std::os::unix::fs::MetadataExt;
use std::pin::Pin;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::StatusCode;
use serde_json::{json, Map, Value};
use tokio::sync::broadcast;

use super::traffic::shown_order;
use super::{Server, TrafficError};
use crate::access_log::{TapFilter, TapReader};
use crate::control_api::{json as answer, Answering, ControlAnswer, ControlCall, Operations, Refusal};
use crate::events::News;
use crate::stats::Stats;
use crate::upstream::Upstream;

/// Time that the Ruby side has for an order.
const ORDER: Duration = Duration::from_secs(75);
/// Time that storage has to say which certificates it has.
const CERTIFICATES: Duration = Duration::from_secs(5);

/// Where the number of this process is valid: the inode of its namespace. `None` if it cannot be seen.
fn pid_namespace() -> Option<u64> {
    static NAMESPACE: OnceLock<Option<u64>> = OnceLock::new();
    *NAMESPACE.get_or_init(|| std::fs::metadata("/proc/self/ns/pid").ok().map(|file| file.ino()))
}

impl Operations for Server {
    fn figures(&self) -> Value {
        let snapshot = self.snapshot.load_full();
        let Stats { connections, mut requests, blocks, .. } = self.totals();
        requests.queued = snapshot.waiting() as u64;
        let mut upstreams = Vec::new();
        let deploys = self.steering.deploys.lock().clone();
        snapshot.each_upstream(&mut |upstream| upstreams.push(described(upstream, &deploys)));
        let mut status = Map::new();
        status.insert("version".into(), env!("CARGO_PKG_VERSION").into());
        status.insert("pid".into(), std::process::id().into());
        status.insert("pid_namespace".into(), pid_namespace().into());
        status.insert("urls".into(), self.urls().into());
        status.insert("stopping".into(), self.life.is_stopping().into());
        status.insert("connections".into(), json!(connections));
        status.insert("requests".into(), json!(requests));
        status.insert("upstreams".into(), upstreams.into());
        status.insert("blocks".into(), json!(blocks));
        status.insert("maintenance".into(), self.shown_maintenance());
        status.insert("lost_access_lines".into(), snapshot.metrics().lost_lines.load(Relaxed).into());
        self.notes.add_to(&mut status);
        Value::Object(status)
    }

    fn whole(self: Arc<Self>) -> Pin<Box<dyn Future<Output = Value> + Send>> {
        Box::pin(async move {
            let mut status = self.figures();
            status["certificates"] = self.shown_certificates().await;
            status
        })
    }

    fn status(self: Arc<Self>) -> Answering {
        Box::pin(async move { Ok(answer(StatusCode::OK, &self.whole().await)) })
    }

    fn unready(&self) -> Vec<String> {
        let mut missing = Vec::new();
        if self.life.is_stopping() {
            missing.push("the proxy is stopping".into());
        }
        self.snapshot.load().each_upstream(&mut |upstream| {
            if upstream.is_required() && !upstream.has_available() {
                missing.push(format!("upstream {} has no backend that gets requests", upstream.name()));
            }
        });
        missing
    }

    fn news(&self) -> broadcast::Receiver<News> {
        self.snapshot.load().events.follow()
    }

    fn access_lines(&self, filter: TapFilter) -> Option<TapReader> {
        self.snapshot.load().globals.tap.listen(filter)
    }

    fn change_backend(self: Arc<Self>, call: ControlCall) -> Answering {
        Box::pin(async move { self.changed_backend(call) })
    }

    fn add_backend(self: Arc<Self>, call: ControlCall) -> Answering {
        Box::pin(async move { self.added_backend(call) })
    }

    fn remove_backend(self: Arc<Self>, call: ControlCall) -> Answering {
        Box::pin(async move { self.removed_backend(&call) })
    }

    fn deploy(self: Arc<Self>, call: ControlCall) -> Answering {
        Box::pin(async move { self.begun_deploy(call) })
    }

    fn metrics(self: Arc<Self>, call: ControlCall) -> Answering {
        Box::pin(Server::metrics(self, call))
    }

    fn change_traffic(self: Arc<Self>, name: &'static str, call: ControlCall) -> Answering {
        Box::pin(async move {
            if name != "purge" {
                return self.changed_traffic(name, call);
            }
            // It waits for disks.
            let purged = tokio::task::spawn_blocking(move || self.changed_traffic(name, call)).await;
            purged.unwrap_or_else(|panic| Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, panic.to_string())))
        })
    }

    fn order(self: Arc<Self>, name: &'static str, call: ControlCall) -> Answering {
        let api = Arc::clone(&self.control_api);
        drop(self);
        Box::pin(async move {
            let (status, body) = api.orders.give(name, &call.body, ORDER).await?;
            Ok(answer(status, &body))
        })
    }
}

impl Server {
    fn changed_traffic(&self, name: &str, call: ControlCall) -> Result<ControlAnswer, Refusal> {
        let upstream = call.body["upstream"].as_str().map(str::to_owned);
        if let Some(upstream) = &upstream {
            self.check_revision(upstream, &call)?;
        }
        let mut told = self.change_traffic(name, call.body).map_err(|error| match &error {
            TrafficError::Unknown(_) => Refusal::not_found(error.to_string()),
            TrafficError::Refused(_) => Refusal::new(StatusCode::CONFLICT, error.to_string()),
            TrafficError::Mistakes(_) => Refusal::unprocessable(error.to_string()),
        })?;
        if let Some(upstream) = upstream {
            told["upstream"] = self.described(&upstream);
        }
        Ok(answer(StatusCode::OK, &told))
    }

    /// The upstream of that name as `GET /status` shows it. `Null` if it is gone.
    fn described(&self, name: &str) -> Value {
        let mut found = Value::Null;
        let deploys = self.steering.deploys.lock().clone();
        self.snapshot.load().each_upstream(&mut |upstream| {
            if upstream.name() == name && found.is_null() {
                found = described(upstream, &deploys);
            }
        });
        found
    }

    /// All certificates; `Null` if storage does not answer in time.
    async fn shown_certificates(&self) -> Value {
        let snapshot = self.snapshot.load_full();
        let mut all = snapshot.binds.described();
        if let Some(acme) = snapshot.acme.clone() {
            let Ok(mut managed) = tokio::time::timeout(CERTIFICATES, acme.certificates()).await else {
                return Value::Null;
            };
            snapshot.add_troubles(&mut managed);
            all.append(&mut managed);
        }
        json!(all)
    }
}

/// An upstream as `GET /status` shows it. `deploys`: the names of those that have one.
fn described(upstream: &Arc<Upstream>, deploys: &BTreeSet<String>) -> Value {
    let mut backends = json!(upstream.stats());
    for backend in backends.as_array_mut().into_iter().flatten() {
        if let Some(backend) = backend.as_object_mut() {
            backend.remove("upstream");
        }
    }
    let stopped = upstream.group().traffic().state().unwrap_or_default();
    json!({
        "name": upstream.name(),
        "paused": stopped.pause,
        "maintenance": shown_order(stopped.maintenance.as_ref()),
        "deploying": deploys.contains(upstream.name()),
        "queue": upstream.group().waiting(),
        "revision": upstream.revision(),
        "required": upstream.is_required(),
        "latency": upstream.latency(),
        "backends": backends,
    })
}
