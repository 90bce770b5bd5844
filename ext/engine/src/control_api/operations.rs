//! What the control API can do with a server.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::broadcast;

use super::{ControlAnswer, Refusal};
use crate::access_log::{TapFilter, TapReader};
use crate::events::News;

/// The answer to a call, in the making.
pub(crate) type Answering = Pin<Box<dyn Future<Output = Result<ControlAnswer, Refusal>> + Send>>;

/// One call of the API, after its head and its body were read.
#[derive(Debug, Default)]
pub(crate) struct ControlCall {
    /// What stood in the path in place of each `*`, decoded.
    pub(crate) parts: Vec<String>,
    pub(crate) headers: HeaderMap,
    /// The body. `Null` if there was none.
    pub(crate) body: Value,
}

impl ControlCall {
    /// The part of the path with that number, from 0.
    pub(crate) fn part(&self, number: usize) -> &str {
        self.parts.get(number).map_or("", String::as_str)
    }

    /// The revision that the call is meant for, of `If-Match`. `None`: any.
    ///
    /// # Errors
    /// 400 if that is no revision.
    pub(crate) fn revision(&self) -> Result<Option<u64>, Refusal> {
        let Some(given) = self.headers.get(http::header::IF_MATCH) else { return Ok(None) };
        let text = given.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Ok(None);
        }
        let number = text.trim_start_matches("W/").trim_matches('"').parse();
        number.map(Some).map_err(|_| {
            let error =
                format!("If-Match: {given:?} is no revision: send the ETag of the last answer, or leave it out");
            Refusal::new(StatusCode::BAD_REQUEST, error)
        })
    }

    /// The body as a structure. Without a body every field is left out.
    ///
    /// # Errors
    /// 422, with what does not fit.
    pub(crate) fn read<T: DeserializeOwned>(&mut self) -> Result<T, Refusal> {
        let body = match std::mem::take(&mut self.body) {
            Value::Null => Value::Object(serde_json::Map::new()),
            body => body,
        };
        serde_json::from_value(body).map_err(|error| Refusal::unprocessable(format!("the body does not fit: {error}")))
    }
}

/// A server, as the control API sees it. Nothing here may block: it runs on the background runtime.
pub(crate) trait Operations: Send + Sync + std::fmt::Debug {
    /// All that `GET /status` says but certificates.
    fn figures(&self) -> Value;
    /// All of it, as a page shows it.
    fn whole(self: Arc<Self>) -> Pin<Box<dyn Future<Output = Value> + Send>>;
    /// `GET /status`.
    fn status(self: Arc<Self>) -> Answering;
    /// What is missing before requests can be served, a sentence each. Empty: nothing.
    fn unready(&self) -> Vec<String>;
    /// Events from now on.
    fn news(&self) -> broadcast::Receiver<News>;
    /// Access lines from now on. `None`: too many read them already.
    fn access_lines(&self, filter: TapFilter) -> Option<TapReader>;
    /// `POST /backends/UPSTREAM` and `POST /backends/UPSTREAM/BACKEND`.
    fn change_backend(self: Arc<Self>, call: ControlCall) -> Answering;
    /// `POST /upstreams/UPSTREAM/backends`.
    fn add_backend(self: Arc<Self>, call: ControlCall) -> Answering;
    /// `DELETE /upstreams/UPSTREAM/backends/BACKEND`.
    fn remove_backend(self: Arc<Self>, call: ControlCall) -> Answering;
    /// `POST /deploy`.
    fn deploy(self: Arc<Self>, call: ControlCall) -> Answering;
    /// `GET /metrics`: the figures as text.
    fn metrics(self: Arc<Self>, call: ControlCall) -> Answering;
    /// `POST /pause`, `/resume`, `/maintenance`, `/rollout` and `/purge`.
    fn change_traffic(self: Arc<Self>, name: &'static str, call: ControlCall) -> Answering;
    /// Gives an order to the Ruby side, and waits for what becomes of it.
    fn order(self: Arc<Self>, name: &'static str, call: ControlCall) -> Answering;
}
