//! The response that a client gets.

use proxy_http::headers::{framing, hop_by_hop, websocket};
use proxy_http::message::{Fields, Known, Method, Version};
use proxy_http::message::{Framing, Malformed};
use tokio::time::Instant;

use super::holding::WantedBuffering;
use super::{named_file, Proxy};
use crate::channel::Channel;
use crate::error::Blame;
use crate::error::{EndReason, Error, Kind, Retry, Side};
use crate::grpc;
use crate::metrics::{FailureReason, LongLivedKind};
use crate::relay::{self, Events, Limits, RequestBody};
use crate::request::{self, write_connection, Exchange, Verdict};
use crate::upstream::{Attempt, Keep};

impl Proxy {
    /// Passes a response on. Once its first byte is sent it is never replaced: if the backend then fails, the client's
    /// connection is cut, so that the client can tell.
    pub(super) async fn respond(
        &self,
        exchange: &mut Exchange<'_>,
        answered: &mut Option<Channel>,
        attempt: Attempt,
        body: &mut RequestBody,
    ) -> Verdict {
        body.let_go();
        let Some(backend) = answered.as_mut() else {
            return self.refuse(exchange, answered, attempt, Malformed::UnaskedConnect).await;
        };
        let status = exchange.work.response.status;
        if status == 101 {
            if !hop_by_hop::is_answered_upgrade(&exchange.work.request, &exchange.work.response) {
                let why = Malformed::OtherProtocol;
                return self.refuse(exchange, answered, attempt, why).await;
            }
            // With HTTP/1.1 on both sides the client checks this itself.
            let turned = exchange.is_h2_tunnel() && matches!(backend, Channel::Http1(_));
            if turned && !websocket::is_accepted(&exchange.work.request, &exchange.work.response) {
                let why = Malformed::WebSocketAccept;
                return self.refuse(exchange, answered, attempt, why).await;
            }
            return self.switch_protocols(exchange, backend, attempt).await;
        }
        if exchange.is_h2_tunnel() && (200..300).contains(&status) {
            // A client would take it for the beginning of the tunnel.
            let why = Malformed::NotSwitched;
            return self.refuse(exchange, answered, attempt, why).await;
        }
        let framing = match backend.framing_of_response(&mut exchange.work.response, exchange.work.request.method) {
            Ok(framing) => framing,
            Err(why) => return self.refuse(exchange, answered, attempt, why).await,
        };
        let reusable = framing != Framing::UntilClose
            && !hop_by_hop::promises_a_body_in_vain(&exchange.work.response)
            && framing::keeps_alive(&exchange.work.response.fields, exchange.work.response.version);
        let keep = match reusable {
            true => Some(self.keep(exchange).believing(&exchange.work.response.fields)),
            false => None,
        };
        exchange.outcome.backend = Some(attempt);
        if named_file::names_file(&exchange.work.response.fields) {
            backend.begin_reading(framing);
            if let Some(verdict) = Box::pin(self.send_named(exchange, answered, body, keep)).await {
                return verdict;
            }
        }
        if let (Some(length), true) = (exchange.taggable(status, framing), body.is_complete()) {
            return Box::pin(self.respond_tagged(exchange, answered, body, length, keep)).await;
        }
        let Some(backend) = answered.as_mut() else { return Verdict::CutShort };
        let version = exchange.work.request.version;
        let client_framing = match framing {
            Framing::Chunked | Framing::UntilClose if version == Version::Http10 => Framing::UntilClose,
            Framing::UntilClose => Framing::Chunked,
            // Trailers need a chunked body.
            Framing::Length(_) if exchange.wants_trailers_of(backend) => Framing::Chunked,
            other => other,
        };
        // The rest of a request body that is still arriving when the response comes may never be read.
        exchange.keep_alive &=
            body.is_complete() && client_framing != Framing::UntilClose && !exchange.tools.is_draining();
        exchange.answering(status);
        // Filters may remove the field.
        let wanted = WantedBuffering::of(&exchange.work.response.fields);
        self.write_response(exchange, client_framing);
        backend.begin_reading(framing);
        exchange.send_copies(body, false);

        let limits = self.limits(exchange, backend);
        let heads = (&exchange.work.request.fields, &exchange.work.response.fields);
        // The length of these bodies is unknown.
        let lasts = matches!(framing, Framing::Chunked | Framing::UntilClose);
        let mut in_order = false;
        let result = match exchange.call {
            None if lasts && relay::is_event_stream(heads.1) => {
                Box::pin(self.relay_events(exchange, backend, body, &limits, &mut in_order)).await
            }
            None => {
                let hold = |fields: &Fields| self.holds(wanted, fields);
                match relay::relay(exchange.client, backend, body, heads, &limits, |_| (), hold).await {
                    Ok(None) => Ok(()),
                    Ok(Some(pace)) => Box::pin(self.pass_held(exchange, answered, body, &limits, pace, keep)).await,
                    Err(error) => Err(error),
                }
            }
            call => {
                let relay = relay::relay(exchange.client, backend, body, heads, &limits, |_| (), |_| false);
                Box::pin(grpc::within(call, relay)).await.map(|_| ())
            }
        };
        if exchange.call.is_some() {
            if let Some(backend) = &answered {
                let fields = backend.trailers().unwrap_or(&exchange.work.response.fields);
                exchange.outcome.grpc.note(fields);
            }
        }
        exchange.send_copies(body, true);
        if result.is_err() || !body.is_complete() {
            if let Some(backend) = &answered {
                body.let_go_of(backend, limits.write);
            }
        }
        match result {
            Ok(()) => {
                let ended = give_back(exchange, answered, body, keep);
                exchange.work.ended = ended.or(exchange.work.ended);
                match (exchange.keep_alive, exchange.client.channel.is_read()) {
                    (true, _) => Verdict::KeepAlive,
                    (false, true) => Verdict::Close,
                    (false, false) => Verdict::Linger,
                }
            }
            Err(error) => {
                exchange.ends_for(EndReason::from(&error));
                match error.side {
                    Side::Client => exchange.note_departure(&error),
                    Side::Us if matches!(error.kind, Kind::Disk(_)) => {
                        exchange.warn(format_args!("response cut short: {error}"));
                    }
                    Side::Us => {}
                    Side::Backend => {
                        if let Some(attempt) = &exchange.outcome.backend {
                            attempt.cut_for(&error);
                            exchange.warn(format_args!("{}: response cut short: {error}", attempt.label()));
                        }
                    }
                }
                match client_framing {
                    _ if in_order => Verdict::Close,
                    Framing::UntilClose => Verdict::Reset,
                    _ => Verdict::after(&error),
                }
            }
        }
    }

    /// Passes on events until the server stops. Then the response is ended `in_order` if the client has received only
    /// whole events and will ask again. Only a request with GET, as browsers send, may take the end of the response for
    /// a complete one.
    async fn relay_events(
        &self,
        exchange: &mut Exchange<'_>,
        backend: &mut Channel,
        body: &mut RequestBody,
        limits: &Limits,
        in_order: &mut bool,
    ) -> Result<(), Error> {
        let events = Events::default();
        let mut open = exchange.tools.long_lived(LongLivedKind::EventStream);
        let heads = (&exchange.work.request.fields, &exchange.work.response.fields);
        let relay = relay::relay(exchange.client, backend, body, heads, limits, |data| events.pass(data), |_| false);
        let ended = Events::until_over(async { relay.await.map(|_| ()) }, &mut open).await;
        if matches!(&ended, Err(error) if matches!(error.kind, Kind::Stopping)) {
            *in_order = exchange.work.request.method == Method::Get && events.end(exchange.client).await;
            exchange.debug(format_args!("an event stream ended: the server stops"));
        }
        ended
    }

    /// Answers in place of a backend whose response cannot be passed on, and drops the backend's connection.
    async fn refuse(
        &self,
        exchange: &mut Exchange<'_>,
        answered: &mut Option<Channel>,
        attempt: Attempt,
        why: Malformed,
    ) -> Verdict {
        *answered = None;
        let error = Error::backend(Kind::Malformed(why), Retry::Never);
        attempt.failed(Blame::Backend, FailureReason::Error);
        exchange.warn(format_args!("{}: {error}", attempt.label()));
        exchange.outcome.backend = Some(attempt);
        exchange.answer_failure(&error, &self.error_response).await
    }

    /// Changes the head into the one for the client, and writes it.
    pub(super) fn write_response(&self, exchange: &mut Exchange<'_>, client_framing: Framing) {
        let late = client_framing == Framing::Chunked || exchange.work.request.version == Version::Http2;
        self.change_fields(exchange, late);
        let version = exchange.work.request.version;
        let response = &mut exchange.work.response;
        if client_framing == Framing::Chunked || framing::is_bodyless(response.status) && response.status != 304 {
            response.fields.remove(Known::ContentLength);
        }
        if exchange.call.is_some() && version == Version::Http2 && client_framing.is_empty() {
            // It has no meaning here, and would be taken for metadata: such a head is also the trailers of the call.
            response.fields.remove(Known::ContentLength);
        }
        // A 426 names the protocol that is required (RFC 9110, section 15.5.22).
        let has_upgrade = response.status == 426 && response.fields.has(Known::Upgrade);
        let has_date = response.fields.has(Known::Date);
        let (tools, keep_alive) = (exchange.tools, exchange.keep_alive);
        exchange.client.channel.write_response(response, client_framing, |lines| {
            if !has_date {
                tools.write_date(lines);
            }
            if has_upgrade {
                lines.extend_from_slice(b"Connection: upgrade\r\n");
            }
            write_connection(lines, keep_alive, version);
        });
    }

    /// Changes the fields of the response, and lets the filters see it. `late`: trailers may follow.
    fn change_fields(&self, exchange: &mut Exchange<'_>, late: bool) {
        self.change_own_fields(exchange, late);
        exchange.amend();
    }

    /// Changes the fields of the response. `late`: trailers may follow.
    pub(super) fn change_own_fields(&self, exchange: &mut Exchange<'_>, late: bool) {
        let upgrade = match exchange.work.response.status {
            101 => true,
            426 => exchange.work.request.version == Version::Http11,
            _ => false,
        };
        let mut values = std::mem::take(&mut exchange.work.values);
        if !self.response_headers.is_empty() {
            values.render(&self.response_headers, &exchange.response_scope());
        }
        let response = &mut exchange.work.response;
        let via = response.version.via();
        hop_by_hop::clean_response(response, late, upgrade);
        response.fields.append(Known::Via, via);
        if !self.response_headers.is_empty() {
            values.apply(&self.response_headers, &mut response.fields);
        }
        exchange.work.values = values;
        self.tie(exchange);
    }

    /// Changes the fields of a response from a cache, which was cleaned before it was stored.
    pub(super) fn change_stored_fields(&self, exchange: &mut Exchange<'_>) {
        if !self.response_headers.is_empty() {
            let mut values = std::mem::take(&mut exchange.work.values);
            values.render(&self.response_headers, &exchange.response_scope());
            values.apply(&self.response_headers, &mut exchange.work.response.fields);
            exchange.work.values = values;
        }
        exchange.amend();
    }

    /// Both sides have agreed on another protocol: from here on bytes are only passed on.
    async fn switch_protocols(&self, exchange: &mut Exchange<'_>, backend: &mut Channel, attempt: Attempt) -> Verdict {
        // Over HTTP/2 a tunnel begins with a success like any other.
        exchange.answering(if exchange.is_h2_tunnel() { 200 } else { 101 });
        exchange.outcome.backend = Some(attempt);
        let websocket = exchange.work.response.fields.get(Known::Upgrade);
        let websocket = websocket.is_some_and(|protocol| protocol.eq_ignore_ascii_case(b"websocket"));
        self.change_fields(exchange, false);
        let response = &mut exchange.work.response;
        response.fields.remove(Known::ContentLength);
        exchange.client.channel.write_response(response, Framing::UntilClose, |lines| {
            lines.extend_from_slice(b"Connection: upgrade\r\n");
        });
        if let Some(attempt) = &exchange.outcome.backend {
            attempt.becomes_tunnel();
        }
        let open = exchange.tools.long_lived(LongLivedKind::Tunnel);
        let tunnel = relay::tunnel(exchange.client, backend, self.tunnel_timeout, open, websocket);
        let ended = Box::pin(tunnel).await;
        let client = &exchange.client.channel;
        let stuck = (
            !backend.received().is_empty() || !client.is_flushed(),
            !client.received().is_empty() || !backend.is_flushed(),
        );
        backend.leave(self.limits.write);
        match ended {
            Ok(()) => Verdict::Close,
            Err(error) => {
                exchange.debug(format_args!("a tunnel ended: {error}"));
                exchange.ends_for(EndReason::from(&error));
                // Bytes that a side did not take are lost with its connection.
                if stuck.1 {
                    backend.abandon();
                }
                match stuck.0 {
                    true => Verdict::Reset,
                    false => Verdict::CutShort,
                }
            }
        }
    }
}

/// Gives the connection of a backend back if it may be used again: `keep` says how. Returns the time, if it is kept.
#[inline(always)]
pub(super) fn give_back(
    exchange: &Exchange<'_>,
    answered: &mut Option<Channel>,
    body: &RequestBody,
    keep: Option<Keep>,
) -> Option<Instant> {
    let attempt = exchange.outcome.backend.as_ref()?;
    if keep.is_none() || !body.is_complete() {
        return None;
    }
    let (pool, introduction) = (&exchange.tools.pool, &exchange.work.introduction);
    request::give_back(pool, attempt, answered, introduction, keep)
}
