//! One request: locate → filters → handler → record.

mod catch_panic;
mod challenge;
mod counting;
mod hops;
mod unread;

pub(crate) use catch_panic::forward_guarded;
pub(crate) use hops::may_go_on;
pub(crate) use unread::{log_refused, note_refused, refuse, RefusedOutcome, Unread};

use std::time::SystemTime;

use proxy_http::headers::framing;
use proxy_http::headers::hop_by_hop::{self, ConnectionOptions};
use proxy_http::message::{Framing, Known, Method, RequestHead};
use tokio::time::Instant;

use crate::client::ClientInfo;
use crate::error::{Cause, EndReason};
use crate::grpc::{Call, Form};
use crate::handler::static_files::Search;
use crate::handler::Handler;
use crate::panics;
use crate::relay::ClientChannel;
use crate::request::{Exchange, NoFilters, Outcome, RecordStage, Verdict, Workspace};
use crate::request_id::{LoggedId, RequestId};
use crate::rewrite::RequestValues;
use crate::routing::AmbiguousPath;
use crate::snapshot::{Routes, Snapshot};
use crate::tracing::TraceClient;
use crate::upstream::Affinity;
use crate::worker::Worker;

/// Serves the request whose head stands in `work`. `client_info` describes the peer of the connection.
async fn forward(
    worker: &Worker,
    snapshot: &Snapshot,
    client_info: &ClientInfo,
    client: &mut ClientChannel,
    work: &mut Workspace,
) -> Verdict {
    panics::place("head", || work.request.path());
    client.begin_request();
    let begun = *work.begun.get_or_insert_with(Instant::now);
    let framing = match client.channel.framing_of_request(&work.request) {
        Ok(framing) => framing,
        Err(malformed) => {
            let form = Form::of(&work.request);
            return refuse(worker, client_info, client, work, Unread::new(malformed.into(), malformed.as_str(), form))
                .await;
        }
    };
    client.channel.begin_reading(framing);
    // Removes what another request has left.
    work.response.fields.clear();
    work.response_additions.clear();
    work.user.clear();
    work.captured.clear();
    work.ended = None;
    let keeps_lines = snapshot.globals.keeps_lines || snapshot.globals.tap.is_open();
    if keeps_lines {
        work.request.fields.copy_lines(&mut work.as_sent);
    }
    work.request.replace_host();
    let trusted_hop = Some(client_info).filter(|peer| snapshot.globals.trusted.trusts(peer));
    if work.request.fields.may_be_hearsay() {
        snapshot.globals.trusted.drop_unbelieved(&mut work.request.fields, trusted_hop.is_some());
    }
    // Must come before other fields are dropped or changed: naming a field in `Connection` must not change who the
    // client is.
    let spoken_for = trusted_hop.and_then(|peer| snapshot.globals.trusted.client(&work.request.fields, peer));
    let client_of_request = spoken_for.as_ref().unwrap_or(client_info);
    work.trace = snapshot.globals.tracing.as_ref().map(|tracer| {
        let redaction = &snapshot.globals.redaction;
        let asking =
            TraceClient { client: client_of_request, peer: client_info, trusted: trusted_hop.is_some(), redaction };
        tracer.begin(&mut work.request, asking, begun)
    });
    let is_measured = keeps_lines || snapshot.globals.metrics.is_some() || work.trace.is_some();
    let before = is_measured.then(|| (client.channel.body_sent(), client.channel.body_read()));
    let mut exchange = Exchange {
        tools: worker,
        globals: &snapshot.globals,
        client_info: client_of_request,
        trusted_hop,
        id: RequestId::random(),
        start: SystemTime::now(),
        begun,
        framing,
        options: ConnectionOptions::of(&work.request),
        call: Call::of(&work.request, tokio::time::Instant::now),
        keep_alive: framing::keeps_alive(&work.request.fields, work.request.version) && !worker.is_draining(),
        filters: &NoFilters,
        keeps_lines,
        before,
        route: 0,
        counted: None,
        passed: 0,
        let_in: false,
        tags: false,
        body_limit: None,
        sent_target: work.request.target_spans(),
        affinity: Affinity::None,
        coding: None,
        whole: None,
        split: None,
        copies: None,
        cache: None,
        outcome: Outcome::default(),
        client,
        work,
    };
    let verdict = exchange.serve(snapshot).await;
    exchange.client.channel.end_coding();
    exchange.record();
    verdict
}

impl<'a> Exchange<'a> {
    async fn serve(&mut self, snapshot: &'a Snapshot) -> Verdict {
        if let Some(managed) = &snapshot.managed {
            if self.work.request.path().starts_with(challenge::PREFIX) {
                if let Some(verdict) = Box::pin(self.answer_challenge(&managed.challenges)).await {
                    return verdict;
                }
            }
        }
        let host = self.work.request.host();
        let admitted = match (&self.client_info.secured, &self.client_info.plain) {
            (Some(secured), _) => snapshot.binds.admit(secured, host),
            (None, Some(bind)) => bind.admits_plain(&snapshot.binds, host),
            (None, None) => true,
        };
        if !admitted {
            self.keep_alive = false;
            return self.fail(Cause::Misdirected).await;
        }
        let fields = &self.work.request.fields;
        if let Some(expectation) = fields.get(Known::Expect) {
            if !expectation.eq_ignore_ascii_case(b"100-continue") {
                return self.fail(Cause::Expectation).await;
            }
        }
        // A plain CONNECT is always refused: a reverse proxy has no location for a tunnel to any host.
        if self.work.request.method == Method::Connect {
            return self.refuse_method().await;
        }
        let Workspace { request, captured, .. } = &mut *self.work;
        let Ok(scope) = snapshot.routes.locate(request, self.client_info, captured) else {
            return self.refuse_ambiguous().await;
        };
        self.route = scope.route;
        if let Some(metrics) = &self.globals.metrics {
            self.counted = metrics.begin(scope.route, request.path(), self.tools.counters.thread());
        }
        if request.method == Method::Post && self.call.is_none() {
            if let Some(Handler::Proxy(proxy)) = behind_files(scope, request) {
                if proxy.backends().speak_http2() {
                    self.call = Call::to_http2(request, tokio::time::Instant::now);
                }
            }
        }
        if !scope.filters.is_empty() {
            self.filters = scope;
            hop_by_hop::drop_named(&mut self.work.request.fields);
        }
        for (index, filter) in scope.filters.iter().enumerate() {
            panics::place("filter", || self.work.request.path());
            if let Some(verdict) = filter.admit(self).await {
                return verdict;
            }
            self.passed = index + 1;
        }
        let mut handler = match scope.handler(0, &self.work.request) {
            Ok(handler) => handler,
            Err(AmbiguousPath) => return self.refuse_ambiguous().await,
        };
        let mut found = None;
        while let Some((place, Handler::StaticFiles(files))) = handler {
            let next = match scope.handler(place + 1, &self.work.request) {
                Ok(next) => next,
                Err(AmbiguousPath) => return self.refuse_ambiguous().await,
            };
            let search = match files.find(self, next.is_none()) {
                Ok(search) => search,
                Err(wanted) => Box::pin(files.wait_for(self, wanted)).await,
            };
            match search {
                Search::Found(file) => {
                    found = Some((files, file));
                    break;
                }
                Search::Declined => handler = next,
                Search::Over(verdict) => return verdict,
            }
        }
        let handler = handler.map(|(_, handler)| handler);
        let limit = handler.and_then(Handler::body_limit).cloned().or_else(|| self.body_limit.take());
        if let Some(limit) = limit {
            if let Some(verdict) = limit.hold(self).await {
                return verdict;
            }
        }
        let Some(handler) = handler else { return self.fail(Cause::NoHandler).await };
        if handler.forwards() {
            if !may_go_on(&mut self.work.request) {
                return self.answer_as_last().await;
            }
        } else if self.framing == Framing::Chunked {
            if let Some(limit) = self.body_limit.clone() {
                if let Some(verdict) = Box::pin(limit.measure(self)).await {
                    return verdict;
                }
            }
        }
        panics::place("handler", || self.work.request.path());
        match found {
            Some((files, file)) => Box::pin(files.answer(self, file)).await,
            None => handler.serve(self).await,
        }
    }

    /// Answers a request whose path can be read in two ways, like a malformed one: the connection is closed.
    async fn refuse_ambiguous(&mut self) -> Verdict {
        self.keep_alive = false;
        self.fail(Cause::AmbiguousPath).await
    }

    /// Records the request for metrics, logs and traces, as far as there are any.
    fn record(&mut self) {
        let Some(before) = self.before else { return };
        self.work.recorded = RecordStage::Begun;
        panics::place("record", || self.work.request.path());
        self.measure(before);
        if let Some(metrics) = &self.globals.metrics {
            self.count(metrics);
        }
        self.work.recorded = RecordStage::Counted;
        if self.keeps_lines {
            self.log();
        }
        self.work.recorded = RecordStage::Logged;
        panics::place("trace", || self.work.request.path());
        self.end_trace();
        self.work.recorded = RecordStage::Nothing;
    }

    /// Completes the figures of the request. `sent` and `taken` are the bytes of the connection before it.
    fn measure(&mut self, (sent, taken): (u64, u64)) {
        self.work.ended.get_or_insert_with(Instant::now);
        self.outcome.bytes = self.client.channel.body_sent().saturating_sub(sent);
        let brought = self.client.channel.body_read().saturating_sub(taken);
        self.outcome.figures.finish(&self.client.waits, brought);
    }

    /// Writes the lines of the logs for the request.
    fn log(&mut self) {
        let forwarded_id = self.work.request.fields.spans(Known::XRequestId).next();
        self.work.request.fields.restore_lines(&mut self.work.as_sent);
        self.work.request.restore_target(self.sent_target);
        let forwarded_id = forwarded_id.map(|id| self.work.request.fields.slice(id));
        let scope = RequestValues {
            sent_id: LoggedId::of(self.id, forwarded_id).sent(),
            response: Some(self.response_info()),
            ..self.scope(self.work.request.path())
        };
        panics::place("log", || self.work.request.path());
        if self.passed > 0 {
            self.filters.answered(self.passed, self, &scope);
        }
        if let Some(log) = &self.globals.access_log {
            self.tools.log_access(log, &scope);
        }
        if self.globals.tap.is_open() {
            self.globals.tap.offer(&scope);
        }
    }
}

/// The handler of a request that asks for no file.
fn behind_files<'s>(scope: &'s Routes, request: &RequestHead) -> Option<&'s Handler> {
    let mut handler = scope.handler(0, request).ok()?;
    while let Some((place, Handler::StaticFiles(_))) = handler {
        handler = scope.handler(place + 1, request).ok()?;
    }
    handler.map(|(_, handler)| handler)
}

impl Drop for Exchange<'_> {
    /// Logs a request that ends unfinished with its thread, since the server stops.
    fn drop(&mut self) {
        if self.tools.is_cut_off() {
            self.ends_for(EndReason::Shutdown);
            self.record();
        }
    }
}
