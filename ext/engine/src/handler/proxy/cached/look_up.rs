//! What a cache has for a request.

use std::sync::Arc;

use proxy_http::message::{Framing, Known, Method};

use super::Proxy;
use crate::cache::directives::RequestDirectives;
use crate::cache::entry::{AskedPlace, CacheEntry};
use crate::cache::flight::{FlightNews, Flights, Joined, Lead};
use crate::cache::key;
use crate::cache::reuse::{self, Reuse};
use crate::cache::status::{CacheResult, Forwarded};
use crate::cache::storable::Asker;
use crate::cache::zone::{Zone, ZoneFinding};
use crate::content::conditions;
use crate::error::Error;
use crate::request::{millis_of_day, Caching, Exchange, StoringRequest};

/// Look-ups on a disk, while others remove what is there.
const LOOK_UPS: usize = 3;

/// What a request gets after it was looked up.
pub(super) enum FoundAnswer {
    /// A stored response.
    Stored(Arc<CacheEntry>),
    /// A stored response that is validated meanwhile, by the holder of the lead.
    Meanwhile(Arc<CacheEntry>, Lead),
    /// Nothing from the cache, and its answer is not stored.
    Pass,
    /// Nothing yet: its answer may be stored, in place of a stale response.
    Ask(Option<Arc<CacheEntry>>, Option<Lead>),
    /// Nothing, and the client wants nothing else.
    Nothing,
}

/// Whether the cache has anything to do with a request. If not, its `Cache-Status` says why.
pub(super) fn may_be_stored(exchange: &Exchange<'_>, caching: &mut Caching) -> bool {
    write_key(exchange, caching);
    let request = &exchange.work.request;
    let reads = matches!(request.method, Method::Get | Method::Head);
    caching.invalidates = !request.method.is_safe();
    caching.status.forwarded = match reads {
        true => Some(Forwarded::Bypass),
        false => Some(Forwarded::Method),
    };
    reads
        && exchange.framing == Framing::None
        && !exchange.options.upgrade
        && exchange.call.is_none()
        // What is worked on is not for others, and whoever is let in wants to see what is there now.
        && !exchange.let_in
        && !conditions::are_for_the_origin(&request.fields)
        && !key::is_not_all(&request.fields)
        && key::is_usual(exchange.client_info.scheme(), request.authority())
        && !caching.rules.bypass.holds_any(request, exchange.client_info)
}

/// Writes the key of a request.
fn write_key(exchange: &Exchange<'_>, caching: &mut Caching) {
    let request = &exchange.work.request;
    let (path, query) = request.target_at(exchange.sent_target);
    let out = &mut caching.key;
    out.reserve(request.authority().len() + path.len() + query.len() + 16);
    key::push_url(out, exchange.client_info.scheme(), request.authority(), path, query);
    if exchange.trusted_hop.is_some() {
        key::push_hearsay(out, &request.fields);
    }
    if let Some(template) = &caching.rules.key {
        key::separate(out);
        template.render_header(&exchange.scope(request.path()), out);
    }
}

/// Where in the configuration a request is answered, and what its backend would be asked for, if that is not what the
/// client asked for.
fn place<'e>(exchange: &'e Exchange<'_>) -> AskedPlace<'e> {
    let target = &exchange.work.target;
    let (path, query) = exchange.work.request.target_at(exchange.sent_target);
    let same = target.path_and_query.strip_prefix(path) == Some(query);
    let path = if same { &b""[..] } else { &target.path_and_query[..] };
    let upstream = exchange.split.as_ref().map_or("", |upstream| upstream.name());
    AskedPlace { location: exchange.filters.place(), upstream, authority: &target.authority, path }
}

/// What makes the request personal.
fn asker(exchange: &Exchange<'_>) -> Asker {
    let authorization = exchange.work.request.fields.has(Known::Authorization);
    // Behind a trusted proxy it is the certificate of that proxy.
    let secured = exchange.client_info.secured.as_ref().filter(|_| exchange.trusted_hop.is_none());
    let certified = secured.is_some_and(|details| details.has_certificate());
    Asker { authorization, known: certified || exchange.filters.know_the_client(exchange.passed) }
}

/// Tells apart requests for one key that do not take each other's answers while they are on their way: an answer to a
/// personal request says nothing of what others get.
fn kind(exchange: &Exchange<'_>) -> Vec<u8> {
    let Asker { authorization, known } = asker(exchange);
    let mut kind = vec![u8::from(authorization), u8::from(known)];
    place(exchange).write_to(&mut kind);
    kind
}

/// A request whose answer may be stored.
pub(super) fn storing(
    exchange: &Exchange<'_>,
    zone: &Zone,
    stale: Option<Arc<CacheEntry>>,
    lead: Option<Lead>,
) -> Box<StoringRequest> {
    Box::new(StoringRequest {
        asked: exchange.work.request.fields.clone(),
        asker: asker(exchange),
        place: place(exchange).keep(),
        stale,
        lead,
        sent: millis_of_day(),
        kind: kind(exchange).into(),
        epoch: zone.epoch(),
        own_lines: Vec::new(),
    })
}

/// Looks a request up, and waits for the answer to another one like it.
pub(super) async fn find(
    proxy: &Proxy,
    exchange: &mut Exchange<'_>,
    caching: &mut Caching,
) -> Result<FoundAnswer, Error> {
    let rules = Arc::clone(&caching.rules);
    let zone = &rules.zone;
    let fields = &exchange.work.request.fields;
    let asked = match fields.has(Known::CacheControl) || fields.has(Known::Pragma) {
        true => RequestDirectives::of(fields),
        false => RequestDirectives::default(),
    };
    if asked.no_store {
        caching.status.forwarded = Some(Forwarded::Request);
        return Ok(FoundAnswer::Pass);
    }
    let demands = rules.client_control.then_some(&asked);
    let mut held: Option<Lead> = None;
    // Made once it is needed; then with what the answers to others vary by.
    let (mut kind, mut common) = (Vec::new(), 0);
    let deadline = tokio::time::Instant::now() + rules.lock_timeout;
    loop {
        let now = millis_of_day();
        let mut stale = None;
        let mut finding = zone.find(&caching.key, place(exchange), &exchange.work.request.fields);
        if !matches!(finding, ZoneFinding::Found(_)) {
            if let Some(entry) = find_on_disk(proxy, exchange, zone, &caching.key).await? {
                finding = ZoneFinding::Found(entry);
            }
        }
        match finding {
            ZoneFinding::Found(entry) => match reuse::judge(&entry.freshness, demands, entry.is_purged(), now) {
                Reuse::Fresh => {
                    caching.status.forwarded = None;
                    caching.result = CacheResult::Hit;
                    return Ok(FoundAnswer::Stored(entry));
                }
                Reuse::Meanwhile => {
                    caching.status.forwarded = None;
                    caching.result = CacheResult::Stale;
                    let kind = self::kind(exchange);
                    let lead = held.or_else(|| match Flights::join(&zone.flights, &caching.key, &kind) {
                        Joined::Leading(lead) => Some(lead),
                        Joined::Waiting(_) => None,
                    });
                    return Ok(match lead {
                        Some(lead) => FoundAnswer::Meanwhile(entry, lead),
                        None => FoundAnswer::Stored(entry),
                    });
                }
                Reuse::Validate => {
                    let is_fresh = entry.freshness.left(now) > 0 && !entry.freshness.always_validate;
                    let why = if is_fresh && !entry.is_purged() { Forwarded::Request } else { Forwarded::Stale };
                    caching.status.forwarded = Some(why);
                    caching.result = CacheResult::Expired;
                    stale = Some(entry);
                }
            },
            other => {
                let varies = matches!(other, ZoneFinding::OtherVariants);
                caching.status.forwarded = Some(if varies { Forwarded::VaryMiss } else { Forwarded::UriMiss });
                caching.result = CacheResult::Miss;
            }
        }
        if asked.only_if_cached {
            (caching.status.forwarded, caching.status.refused) = (None, true);
            caching.result = CacheResult::Miss;
            return Ok(FoundAnswer::Nothing);
        }
        let request = &exchange.work.request;
        if request.method == Method::Head {
            caching.reserve = stale.map(|stale| Box::new((stale, request.fields.clone())));
            return Ok(FoundAnswer::Pass);
        }
        // The whole is not fetched for a part of it.
        if stale.is_none() && request.fields.has(Known::Range) {
            return Ok(FoundAnswer::Pass);
        }
        if common == 0 {
            kind = self::kind(exchange);
            common = kind.len();
        }
        // Such an answer is for one request only.
        let alone = stale.as_ref().is_some_and(|entry| entry.freshness.is_for_one());
        let passes = stale.is_none() && zone.passes.has(&caching.key, &kind[..common], now);
        if passes && held.is_none() && conditions::are_any(&request.fields) {
            // Its answer will hardly be stored, so a 304 is worth more than the whole.
            return Ok(FoundAnswer::Pass);
        }
        if held.is_some() || alone || passes {
            return Ok(FoundAnswer::Ask(stale, held));
        }
        let mut news = match Flights::join(&zone.flights, &caching.key, &kind) {
            Joined::Leading(lead) => {
                // An answer may have been stored in between.
                held = Some(lead);
                continue;
            }
            Joined::Waiting(news) => news,
        };
        let waited = {
            let told = news.wait_for(|news| !matches!(news, FlightNews::Waiting));
            let mut told = Box::pin(tokio::time::timeout_at(deadline, told));
            let waited = exchange.client.awaiting(proxy.limits.half_close, told.as_mut()).await?;
            waited.map(|told| told.map_or(FlightNews::Again, |news| news.clone()))
        };
        match waited {
            Ok(FlightNews::Here(entry)) if entry.suits(place(exchange), &exchange.work.request.fields) => {
                caching.status.collapsed = true;
                // Whoever asked may have got the stale response in place of a failure.
                let is_old = stale.is_some_and(|stale| stale.freshness == entry.freshness);
                caching.result = if is_old { CacheResult::Stale } else { CacheResult::Collapsed };
                return Ok(FoundAnswer::Stored(entry));
            }
            // It is for other requests. Those that are like this one wait for each other.
            Ok(FlightNews::Here(entry)) if kind.len() == common => {
                entry.vary.write_selected(&exchange.work.request.fields, &mut kind);
            }
            Ok(FlightNews::Again | FlightNews::Waiting) => {}
            Ok(FlightNews::Here(_) | FlightNews::Alone) => return Ok(FoundAnswer::Ask(stale, None)),
            // It has waited long enough.
            Err(_) => return Ok(FoundAnswer::Ask(stale, None)),
        }
    }
}

/// Looks a request up on the disk of a zone. What is small is then in memory too.
async fn find_on_disk(
    proxy: &Proxy,
    exchange: &mut Exchange<'_>,
    zone: &Zone,
    key: &[u8],
) -> Result<Option<Arc<CacheEntry>>, Error> {
    let Some(disk) = zone.disk().filter(|disk| disk.may_have(key)) else { return Ok(None) };
    for _ in 0..LOOK_UPS {
        let generation = disk.generation();
        let place = place(exchange).keep();
        let fields = exchange.work.request.fields.clone();
        let mut found = Box::pin(disk.find(key.into(), place, fields, zone.max_object()));
        let found = exchange.client.awaiting(proxy.limits.half_close, found.as_mut()).await?;
        let Some(entry) = found else { return Ok(None) };
        // It must not come back after it was removed in between.
        if zone.remember(key, &entry, || generation != disk.generation() || !disk.may_have(key)) {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}
