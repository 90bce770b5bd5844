//! The calls of the control API that change backends.

use bytes::Bytes;
use http::header::{HeaderValue, ACCEPT, ETAG};
use http::StatusCode;
use serde_json::{json, Value};
use tokio::sync::mpsc;

use super::super::{DeployRun, Server, SteeringError};
use crate::config::BackendConfig;
use crate::control_api::{event, json as answer, stream, ControlAnswer, ControlCall, Refusal, EVENT_STREAM};
use crate::upstream::deployment::DeployConfig;
use crate::upstream::steering::BackendChange;
use crate::upstream::Admin;

/// Media type of a deploy that is told of in lines of JSON.
const LINES: &str = "application/x-ndjson";

impl From<SteeringError> for Refusal {
    fn from(error: SteeringError) -> Self {
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut refusal = Self::new(status, error.to_string());
        if let SteeringError::Mistakes(mistakes) = error {
            refusal.problems = mistakes.into_iter().map(Value::from).collect();
        }
        refusal
    }
}

impl Server {
    /// `POST /backends/UPSTREAM/BACKEND`.
    pub(super) fn changed_backend(&self, mut call: ControlCall) -> Result<ControlAnswer, Refusal> {
        let wanted = call.revision()?;
        let change: BackendChange = call.read()?;
        let target = call.parts.join("/");
        let is_state_alone = change.weight.is_none() && change.max_connections.is_none() && wanted.is_none();
        let state = change.state.as_deref().filter(|_| is_state_alone).and_then(Admin::named);
        match state.filter(|_| self.revision(call.part(0)).is_none()) {
            // An upstream that requests name: it has no revision.
            Some(state) => {
                self.set_state(&target, state)?;
            }
            None => {
                self.change_backend(&target, &change, wanted)?;
            }
        }
        Ok(self.shown(StatusCode::OK, call.part(0)))
    }

    /// `POST /upstreams/UPSTREAM/backends`.
    pub(super) fn added_backend(&self, mut call: ControlCall) -> Result<ControlAnswer, Refusal> {
        let wanted = call.revision()?;
        let mut state = None;
        if let Some(Value::String(name)) = call.body.as_object_mut().and_then(|body| body.remove("state")) {
            let error = || format!("state: {name:?} is unknown: write \"ready\", \"draining\" or \"down\"");
            state = Some(Admin::named(&name).ok_or_else(|| Refusal::unprocessable(error()))?);
        }
        let backend: BackendConfig = call.read()?;
        self.add_backend(call.part(0), &backend, state, wanted)?;
        Ok(self.shown(StatusCode::CREATED, call.part(0)))
    }

    /// `DELETE /upstreams/UPSTREAM/backends/BACKEND`.
    pub(super) fn removed_backend(&self, call: &ControlCall) -> Result<ControlAnswer, Refusal> {
        self.remove_backend(&call.parts.join("/"), call.revision()?)?;
        Ok(self.shown(StatusCode::OK, call.part(0)))
    }

    /// `POST /deploy`: the events as they come, the last with its status.
    pub(super) fn begun_deploy(&self, mut call: ControlCall) -> Result<ControlAnswer, Refusal> {
        let named = call.body.as_object_mut().and_then(|body| body.remove("upstream"));
        let Some(Value::String(upstream)) = named else {
            return Err(Refusal::unprocessable("upstream: write its name, such as \"app\""));
        };
        if call.body.get("command").is_some() {
            let error = "command: the client starts the application, as `proxy deploy --command` does: leave it out";
            return Err(Refusal::unprocessable(error));
        }
        self.check_revision(&upstream, &call)?;
        let deploy: DeployConfig = call.read()?;
        let is_sse =
            call.headers.get(ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(EVENT_STREAM.as_bytes()));
        let run = self.deploy(&upstream, &deploy)?;
        Ok(stream(if is_sse { EVENT_STREAM } else { LINES }, told(run, is_sse)))
    }

    /// Refuses a call that is meant for another revision of the upstream: 412.
    pub(super) fn check_revision(&self, upstream: &str, call: &ControlCall) -> Result<(), Refusal> {
        let (wanted, now) = (call.revision()?, self.revision(upstream));
        match now.filter(|now| wanted.is_some_and(|wanted| wanted != *now)) {
            Some(now) => Err(SteeringError::Outdated(now).into()),
            None => Ok(()),
        }
    }

    /// An upstream as it is now, with its revision.
    fn shown(&self, status: StatusCode, upstream: &str) -> ControlAnswer {
        let mut answer = answer(status, &json!({ "upstream": self.described(upstream) }));
        let tag = self.revision(upstream).and_then(|revision| HeaderValue::from_str(&format!("\"{revision}\"")).ok());
        if let Some(tag) = tag {
            answer.headers_mut().insert(ETAG, tag);
        }
        answer
    }
}

/// The events of a deploy as pieces of a body. It is given up if the client goes before the new backends serve.
fn told(mut run: DeployRun, is_sse: bool) -> mpsc::Receiver<Bytes> {
    let (pieces, taken) = mpsc::channel(4);
    tokio::spawn(async move {
        loop {
            let happened = tokio::select! {
                biased;
                () = pieces.closed() => return,
                happened = run.next() => happened,
            };
            let Some(happened) = happened else { return };
            let facts = json!(happened);
            let piece = if is_sse { event(happened.step, &facts) } else { format!("{facts}\n").into() };
            if pieces.send(piece).await.is_err() {
                return;
            }
        }
    });
    taken
}
