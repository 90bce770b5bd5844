//! Changes of the traffic as JSON: for the control API, and for Ruby.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::Deserialize;
use serde_json::{json, Map, Value};

use super::{no_pause, TrafficError};
use crate::runtime_state::traffic::MaintenanceOrder;
use crate::server::Server;

/// Body of `pause`.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PauseCall {
    upstream: Option<String>,
    /// Seconds that a request is held at most.
    #[serde(rename = "for", alias = "seconds")]
    time: f64,
}

impl Default for PauseCall {
    fn default() -> Self {
        Self { upstream: None, time: 30.0 }
    }
}

/// Body of `resume`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ResumeCall {
    upstream: Option<String>,
}

/// Body of `maintenance`. Without an upstream it is of all.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct MaintenanceCall {
    upstream: Option<String>,
    /// Whether it ends.
    off: bool,
    message: Option<String>,
    allow: Vec<String>,
    /// Whether a cookie is made that lets its owner in.
    bypass: bool,
    retry_after: Option<u64>,
}

/// Body of `rollout`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RolloutCall {
    upstream: Option<String>,
    percent: Option<f64>,
}

impl Server {
    /// Carries out `pause`, `resume`, `maintenance`, `rollout` or `purge` with this body, an object, and returns what
    /// is to be told: with `bypass`, the `cookie` that lets its owner in, and the `bypass` path that gives it to a
    /// browser; the number of responses that were `purged`.
    ///
    /// # Errors
    /// If the body does not fit, and as [`Server::pause`] and the others.
    pub fn change_traffic(&self, call: &str, body: Value) -> Result<Value, TrafficError> {
        let mut told = Map::new();
        match call {
            "pause" => {
                let PauseCall { upstream, time } = read(body)?;
                let time = Duration::try_from_secs_f64(time).map_err(|_| mistake(no_pause(time)))?;
                self.pause(&named(upstream)?, time)?;
            }
            "resume" => self.resume(read::<ResumeCall>(body)?.upstream.as_deref())?,
            "maintenance" => {
                let call: MaintenanceCall = read(body)?;
                let order = call.order()?;
                if let Some(cookie) = order.as_ref().and_then(|order| order.bypass.clone()) {
                    told.insert("bypass".into(), format!("/?{cookie}").into());
                    told.insert("cookie".into(), cookie.into());
                }
                self.set_maintenance(call.upstream.as_deref(), order)?;
            }
            "rollout" => {
                let RolloutCall { upstream, percent } = read(body)?;
                let percent = percent.ok_or_else(|| mistake("`percent` is missing: send a number from 0 to 100"))?;
                self.set_split(&named(upstream)?, percent)?;
            }
            "purge" => {
                told.insert("purged".into(), self.purge(body)?.into());
            }
            call => {
                let message = format!("{call:?} is unknown: write pause, resume, maintenance, rollout or purge");
                return Err(mistake(message));
            }
        }
        Ok(Value::Object(told))
    }

    /// The same with the body and what is to be told as JSON text. The error is for a person.
    pub fn change_traffic_by_text(&self, call: &str, body: &str) -> Result<String, String> {
        let body = serde_json::from_str(body).map_err(|error| format!("the body is not valid JSON: {error}"))?;
        self.change_traffic(call, body).map(|told| told.to_string()).map_err(|error| error.to_string())
    }

    /// The maintenance of all upstreams, as `GET /status` shows it.
    pub(in crate::server) fn shown_maintenance(&self) -> Value {
        shown_order(self.snapshot.load().globals.stops.all().as_ref().map(|maintenance| maintenance.order()))
    }
}

impl MaintenanceCall {
    fn order(&self) -> Result<Option<MaintenanceOrder>, TrafficError> {
        if self.off {
            return Ok(None);
        }
        let usual = MaintenanceOrder::default();
        let order = MaintenanceOrder {
            message: self.message.clone(),
            allow: self.allow.clone(),
            retry_after: self.retry_after.unwrap_or(usual.retry_after),
            ..usual
        };
        Ok(Some(if self.bypass { order.with_new_bypass().map_err(mistake)? } else { order }))
    }
}

/// Maintenance without its secret.
pub(in crate::server) fn shown_order(order: Option<&MaintenanceOrder>) -> Value {
    order.map_or(
        Value::Null,
        |order| json!({ "message": order.message, "allow": order.allow, "retry_after": order.retry_after }),
    )
}

pub(super) fn read<T: DeserializeOwned>(body: Value) -> Result<T, TrafficError> {
    let body = if body.is_null() { json!({}) } else { body };
    serde_json::from_value(body).map_err(|error| mistake(format!("the body does not fit: {error}")))
}

fn named(upstream: Option<String>) -> Result<String, TrafficError> {
    upstream.ok_or_else(|| mistake("`upstream` is missing: send the name of an upstream"))
}

pub(super) fn mistake(message: impl Into<String>) -> TrafficError {
    TrafficError::Mistakes(vec![message.into()])
}
