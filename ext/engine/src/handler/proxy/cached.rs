//! A request whose location has a `cache`: it is answered from what is stored, or its answer is stored.

mod look_up;
mod part;

use std::rc::Rc;
use std::sync::Arc;

use proxy_http::decimal;
use proxy_http::headers::{framing, hop_by_hop};
use proxy_http::message::{Framing, Known, Method};

use super::{named_file, Proxy};
use crate::cache::body::Body;
use crate::cache::entry::CacheEntry;
use crate::cache::flight::Lead;
use crate::cache::parts::BodyParts;
use crate::cache::status::{CacheResult, Forwarded};
use crate::cache::validation::{ask_for_all, ask_whether, give_conditions_back};
use crate::channel::Channel;
use crate::content::conditions::is_known;
use crate::content::parts::SentParts;
use crate::relay::RequestBody;
use crate::request::{
    give_back, is_failure, millis_of_day, CacheJob, Errand, Exchange, FileContent, Fill, Refresh, SentBody, SentHead,
    TakenAnswer, Verdict,
};
use crate::respond;
use crate::rewrite::write_path_and_query;
use crate::upstream::{Attempt, Backends, Upstream};
use look_up::{find, may_be_stored, storing, FoundAnswer};
use part::{sent, SentPart};

impl Proxy {
    /// Answers the request from the cache of its location, or makes it one whose answer may be stored. `None`: it goes
    /// to a backend.
    pub(super) async fn look_up(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        let mut caching = exchange.cache.take()?;
        let found = match self.render_target(exchange) && may_be_stored(exchange, &mut caching) {
            true => find(self, exchange, &mut caching).await,
            false => Ok(FoundAnswer::Pass),
        };
        exchange.cache = Some(caching);
        match found {
            Err(error) => Some(exchange.answer_failure(&error, &self.error_response).await),
            Ok(FoundAnswer::Pass) => None,
            Ok(FoundAnswer::Nothing) => Some(exchange.answer_error(respond::not_stored()).await),
            Ok(FoundAnswer::Stored(entry)) => {
                let sent = sent(&exchange.work.request.fields, exchange.work.request.method, &entry);
                let verdict = self.send_entry(exchange, &entry, sent).await;
                if let (None, Some(caching)) = (&verdict, &mut exchange.cache) {
                    // It is too long to be stored, and has gone on without this request.
                    caching.status.collapsed = false;
                    caching.result = match caching.status.forwarded {
                        Some(Forwarded::Stale | Forwarded::Request) => CacheResult::Expired,
                        _ => CacheResult::Miss,
                    };
                }
                verdict
            }
            Ok(FoundAnswer::Meanwhile(entry, lead)) => {
                let sent = sent(&exchange.work.request.fields, exchange.work.request.method, &entry);
                self.refresh(exchange, &entry, lead);
                self.send_entry(exchange, &entry, sent).await
            }
            Ok(FoundAnswer::Ask(stale, lead)) => {
                let Some(caching) = &exchange.cache else { return None };
                let storing = storing(exchange, &caching.rules.zone, stale, lead);
                let fields = &mut exchange.work.request.fields;
                match &storing.stale {
                    Some(stale) => ask_whether(fields, &stale.fields()),
                    None => ask_for_all(fields),
                }
                if let Some(caching) = &mut exchange.cache {
                    caching.storing = Some(storing);
                }
                None
            }
        }
    }

    /// Decides what becomes of the answer to a request whose answer may be stored, and passes it on.
    pub(super) async fn take_answer(
        &self,
        exchange: &mut Exchange<'_>,
        backend: &mut Option<Channel>,
        attempt: Attempt,
        body: &mut RequestBody,
    ) -> Verdict {
        let method = exchange.work.request.method;
        let response = &mut exchange.work.response;
        let framing = match (response.status, backend.as_ref()) {
            (..=199, _) | (_, None) => None,
            (_, Some(backend)) => backend.framing_of_response(response, method).ok(),
        };
        let (Some(framing), Some(mut caching)) = (framing, exchange.cache.take()) else {
            if let Some(caching) = &mut exchange.cache {
                caching.storing = None;
            }
            return self.respond(exchange, backend, attempt, body).await;
        };
        let response = &mut exchange.work.response;
        let reusable = framing != Framing::UntilClose
            && !hop_by_hop::promises_a_body_in_vain(response)
            && framing::keeps_alive(&response.fields, response.version);
        let keep = reusable.then(|| self.keep(exchange).believing(&exchange.work.response.fields));
        let held_back = caching.storing.is_some();
        let mut asked = caching.storing.as_ref().map(|storing| storing.asked.clone()).unwrap_or_default();
        let status = exchange.work.response.status;
        let work = &mut *exchange.work;
        let taken = match caching.reserve.is_some() {
            false => caching.take(&mut work.response, &work.request.fields, framing),
            true => match caching.instead_of_failure().filter(|_| is_failure(status)) {
                Some((stale, of_client)) => {
                    asked = of_client;
                    TakenAnswer::Failed(stale)
                }
                None => TakenAnswer::Not,
            },
        };
        let storing = caching.storing.take();
        let (rules, key) = (Arc::clone(&caching.rules), Box::from(&*caching.key));
        caching.status.forwarded.get_or_insert(Forwarded::UriMiss);
        match &taken {
            TakenAnswer::Validated(_) => {
                caching.result = CacheResult::Revalidated;
                caching.status.forwarded_status = Some(status);
            }
            TakenAnswer::Failed(_) => {
                caching.result = CacheResult::Stale;
                caching.status.forwarded_status = Some(status);
            }
            TakenAnswer::Stored(_) => caching.status.stored = true,
            TakenAnswer::Not => {}
        }
        exchange.cache = Some(caching);
        let entry = match (taken, storing) {
            (TakenAnswer::Stored(entry), Some(storing)) => {
                // The reader comes before the body, so that it is among those who are waited for.
                let introduction = exchange.work.introduction.clone();
                exchange.outcome.asked = Some(Arc::clone(attempt.backend()));
                let read_timeout = self.limits.read;
                if let Some(backend) = backend.take() {
                    let fill = Fill {
                        backend,
                        framing,
                        attempt,
                        entry: Arc::clone(&entry),
                        rules,
                        key,
                        storing,
                        read_timeout,
                        introduction,
                        keep,
                        behind: self.behind.clone(),
                    };
                    exchange.tools.cache_jobs.push(CacheJob::Fill(Box::new(fill)));
                }
                entry
            }
            (TakenAnswer::Validated(entry) | TakenAnswer::Failed(entry), _) => {
                if let Some(mut backend) = backend.take() {
                    backend.begin_reading(framing);
                    give_back(&exchange.tools.pool, &attempt, &mut Some(backend), &exchange.work.introduction, keep);
                }
                exchange.outcome.backend = Some(attempt);
                entry
            }
            _ if !held_back => return self.respond(exchange, backend, attempt, body).await,
            _ => {
                give_conditions_back(&mut exchange.work.request.fields, &asked);
                let response = &exchange.work.response.fields;
                let is_known = status == 200 && !named_file::names_file(response) && is_known(&asked, response);
                return match is_known && method == Method::Get {
                    true => Box::pin(self.respond_not_modified(exchange, backend, attempt, body)).await,
                    false => self.respond(exchange, backend, attempt, body).await,
                };
            }
        };
        exchange.send_copies(body, true);
        let sent = sent(&asked, method, &entry);
        match self.send_entry(exchange, &entry, sent).await {
            Some(verdict) => verdict,
            // Unreachable: nobody else has begun to read the body.
            None => Verdict::CutShort,
        }
    }

    /// Answers with a stale response in place of a failure, if that is allowed.
    pub(super) async fn serve_after_failure(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        let caching = exchange.cache.as_mut()?;
        let (entry, asked) = caching.instead_of_failure()?;
        caching.result = CacheResult::Stale;
        let sent = sent(&asked, exchange.work.request.method, &entry);
        self.send_entry(exchange, &entry, sent).await
    }

    /// Sends a stored response. `None`: its body can no longer be read from the beginning.
    async fn send_entry(
        &self,
        exchange: &mut Exchange<'_>,
        entry: &Arc<CacheEntry>,
        sent: SentPart,
    ) -> Option<Verdict> {
        let now = millis_of_day();
        let total = entry.body.length();
        exchange.cache.as_mut()?.status.ttl = Some(entry.freshness.left(now).div_euclid(1000));
        if matches!(sent, SentPart::Nothing) {
            return Some(exchange.answer_no_range(total.unwrap_or(0)).await);
        }
        let is_head = exchange.work.request.method == Method::Head;
        let bodyless =
            is_head || matches!(entry.status, 204 | 304) || matches!(sent, SentPart::NotModified) || total == Some(0);
        let mut body = match (&sent, entry.body.file()) {
            _ if bodyless => None,
            (_, Some(file)) => {
                let content = FileContent { file: Arc::clone(&file.file), start: file.start, length: file.length };
                Some(SentBody::File(content, SentParts::whole(file.length)))
            }
            (SentPart::Parts(ranges), None) => Some(SentBody::Memory(BodyParts::of(&entry.body, ranges)?)),
            (_, None) => Some(SentBody::Memory(BodyParts::whole(&entry.body)?)),
        };
        entry.write_head(&mut exchange.work.response);
        if matches!(sent, SentPart::NotModified | SentPart::Parts(_)) {
            exchange.keep_whole(total);
        }
        let response = &mut exchange.work.response;
        let mut text = std::mem::take(&mut exchange.work.scratch);
        let mut length = total;
        let is_whole = matches!(sent, SentPart::All);
        match sent {
            SentPart::All | SentPart::Nothing => {}
            SentPart::NotModified => {
                response.status = 304;
                for name in [Known::ContentLength, Known::ContentType, Known::ContentEncoding] {
                    response.fields.remove(name);
                }
                length = None;
            }
            SentPart::Parts(ranges) => {
                let parts = SentParts::of(ranges, total.unwrap_or(0), &mut response.fields);
                response.status = 206;
                length = Some(parts.length());
                match &mut body {
                    Some(SentBody::Memory(body)) => {
                        body.put_between(parts.iter().map(|(before, _)| before), parts.tail());
                    }
                    Some(SentBody::File(_, sent)) => *sent = parts,
                    None => {}
                }
            }
        }
        if !is_whole {
            response.set_reason(proxy_http::message::reason(response.status));
        }
        if is_whole && tag(exchange, &entry.body) {
            (body, length) = (None, None);
        }
        let response = &mut exchange.work.response;
        if let Some(length) = length.filter(|_| entry.status != 204) {
            text.clear();
            decimal::push(&mut text, length);
            response.fields.set(Known::ContentLength, &text);
        }
        let age = entry.freshness.age(now) / 1000;
        let caching = exchange.cache.as_mut()?;
        if !caching.own_lines.is_empty() {
            response.fields.append_lines(&std::mem::take(&mut caching.own_lines));
        }
        if age > 0 || caching.status.forwarded.is_none() {
            text.clear();
            decimal::push(&mut text, age);
            response.fields.set(Known::Age, &text);
        }
        exchange.work.scratch = text;
        exchange.outcome.status = exchange.work.response.status;
        self.change_stored_fields(exchange);
        Some(exchange.send_stored(body, length).await)
    }

    /// Has a stale response validated, while it answers this request.
    fn refresh(&self, exchange: &mut Exchange<'_>, entry: &Arc<CacheEntry>, lead: Lead) {
        if exchange.work.request.method != Method::Get {
            return;
        }
        let Some(caching) = &exchange.cache else { return };
        let storing = storing(exchange, &caching.rules.zone, Some(Arc::clone(entry)), Some(lead));
        ask_whether(&mut exchange.work.request.fields, &entry.fields());
        if self.prepare_request(exchange).is_err() {
            return;
        }
        let (Some(upstream), Ok(name), Some(caching)) =
            (self.upstream_of(exchange), self.server_name(exchange), &exchange.cache)
        else {
            return;
        };
        let (rules, key) = (Arc::clone(&caching.rules), Box::from(&*caching.key));
        let own_host = self.sends_own_host(&exchange.work.request);
        let head = Rc::new(SentHead::of(&exchange.work.request, &exchange.work.target.path_and_query, own_host));
        self.introduce_to_application(exchange);
        let application = Some((exchange.id, exchange.work.introduction.clone()));
        let max_head = self.limits.max_head;
        let errand = Errand { upstream, head, body: Rc::from([]), max_head, name, application };
        let (timeout, read_timeout) = (self.limits.timeout, self.limits.read);
        let behind = self.behind.clone();
        let refresh = Refresh { errand, rules, key, storing, timeout, read_timeout, behind };
        exchange.tools.cache_jobs.push(CacheJob::Refresh(Box::new(refresh)));
    }

    /// Renders what the backend would be asked for: it tells requests apart. `false` if there is no such URL.
    fn render_target(&self, exchange: &mut Exchange<'_>) -> bool {
        let mut target = std::mem::take(&mut exchange.work.target);
        let scope = exchange.scope(self.path(exchange.work.request.path()));
        let rendered = match &self.target {
            Some(template) => template.render(&scope, &mut target).is_ok(),
            None => {
                write_path_and_query(&scope, &mut target);
                true
            }
        };
        exchange.work.target = target;
        rendered
    }

    /// The upstream that the request would go to.
    fn upstream_of(&self, exchange: &Exchange<'_>) -> Option<Arc<Upstream>> {
        match (&exchange.split, &self.backends) {
            (Some(upstream), _) | (None, Backends::Fixed(upstream)) => Some(Arc::clone(upstream)),
            (None, Backends::ByHost(hosts)) => self.upstream_of_host(hosts, exchange).ok(),
        }
    }
}

/// Gives the stored response in `work.response` the tag of its body, if it is to have one. `true`: the client has the
/// response already, and it has become a 304.
fn tag(exchange: &mut Exchange<'_>, body: &Body) -> bool {
    let Some(whole) = body.whole() else { return false };
    let framing = Framing::Length(whole.len() as u64);
    exchange.taggable(exchange.work.response.status, framing).is_some() && exchange.tag(whole)
}
