//! A request's dealings with a cache: what it asks for, what was found, and what becomes of the backend's answer.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use proxy_http::headers::hop_by_hop;
use proxy_http::message::{Fields, Framing, Known, ResponseHead};

use crate::cache::body::Body;
use crate::cache::entry::{AnswerPlace, CacheEntry, Circumstances};
use crate::cache::flight::{FlightNews, Lead};
use crate::cache::freshness::Freshness;
use crate::cache::status::{CacheResult, CacheStatus};
use crate::cache::storable::{judge, Asker, StoragePolicy, Unstorable};
use crate::cache::validation::{is_meant, strip, take_tags, update};
use crate::cache::vary::Vary;
use crate::cache::zone::Zone;
use crate::cache::{reuse, Millis};
use crate::clock;
use crate::rewrite::Template;
use crate::routing::Matcher;

/// A `cache` directive, compiled.
#[derive(Debug)]
pub(crate) struct CacheRules {
    pub(crate) zone: Arc<Zone>,
    /// What tells requests apart beside their URL.
    pub(crate) key: Option<Template>,
    /// Conditions of which any makes a request bypass the cache.
    pub(crate) bypass: Matcher,
    pub(crate) policy: StoragePolicy,
    /// Whether a client can demand a validation.
    pub(crate) client_control: bool,
    /// Longest time that a request waits for the answer to another one.
    pub(crate) lock_timeout: Duration,
    /// Whether responses have `Cache-Status`.
    pub(crate) shows_status: bool,
}

/// A request's dealings with a cache.
#[derive(Debug)]
pub(crate) struct Caching {
    pub(crate) rules: Arc<CacheRules>,
    /// Empty before the request was looked up.
    pub(crate) key: Vec<u8>,
    pub(crate) status: CacheStatus,
    pub(crate) result: CacheResult,
    /// Whether a success makes what is stored for the URL outdated.
    pub(crate) invalidates: bool,
    /// What is needed to store the answer. `None`: it is not stored.
    pub(crate) storing: Option<Box<StoringRequest>>,
    /// The stale response that takes the place of a failure, if the answer is not stored, and the fields of the request
    /// before those for a backend.
    pub(crate) reserve: Option<Box<(Arc<CacheEntry>, Fields)>>,
    /// Field lines that only this client gets.
    pub(crate) own_lines: Vec<u8>,
}

/// What is known of a request whose answer may be stored.
#[derive(Debug)]
pub(crate) struct StoringRequest {
    /// Its fields, before those for a backend.
    pub(crate) asked: Fields,
    pub(crate) asker: Asker,
    pub(crate) place: AnswerPlace,
    /// The stored response that the request asks about.
    pub(crate) stale: Option<Arc<CacheEntry>>,
    /// The duty to ask for all who wait.
    pub(crate) lead: Option<Lead>,
    /// When it was sent.
    pub(crate) sent: Millis,
    /// Tells apart requests that do not take each other's answers while they are on their way.
    pub(crate) kind: Box<[u8]>,
    /// Number of invalidations and purges when it was sent.
    pub(crate) epoch: u64,
    /// Field lines of the answer that only this client gets.
    pub(crate) own_lines: Vec<u8>,
}

/// What became of a backend's answer.
#[derive(Debug)]
pub(crate) enum TakenAnswer {
    /// The stored response still holds. It has its new head.
    Validated(Arc<CacheEntry>),
    /// It failed, and the stored response takes its place.
    Failed(Arc<CacheEntry>),
    /// It is stored as soon as its body has come.
    Stored(Arc<CacheEntry>),
    /// It is not stored.
    Not,
}

impl Caching {
    /// The dealings of a request with the cache of `rules`.
    pub(crate) fn new(rules: &Arc<CacheRules>) -> Box<Self> {
        Box::new(Self {
            rules: Arc::clone(rules),
            key: Vec::new(),
            status: CacheStatus::default(),
            result: CacheResult::Bypass,
            invalidates: false,
            storing: None,
            reserve: None,
            own_lines: Vec::new(),
        })
    }

    /// Decides what becomes of a response to the request, which went to the backend with the fields `sent`: its head,
    /// with a body framed as `framing`. What is stored has its head changed into the one that is stored. Those who wait
    /// for it are told.
    pub(crate) fn take(&mut self, response: &mut ResponseHead, sent: &Fields, framing: Framing) -> TakenAnswer {
        let Some(mut storing) = self.storing.take() else { return TakenAnswer::Not };
        let taken = storing.take(&self.rules, &self.key, response, sent, framing);
        self.own_lines = std::mem::take(&mut storing.own_lines);
        self.storing = matches!(taken, TakenAnswer::Stored(_)).then_some(storing);
        taken
    }

    /// The stored response that takes the place of a failure, if it may, and the fields of the request before those for
    /// a backend.
    pub(crate) fn instead_of_failure(&mut self) -> Option<(Arc<CacheEntry>, Fields)> {
        if let Some((stale, asked)) = self.reserve.take().map(|reserve| *reserve) {
            return serves_after_error(&stale).then_some((stale, asked));
        }
        let storing = self.storing.take()?;
        let stale = storing.stale.as_ref().filter(|stale| serves_after_error(stale));
        storing.tell(stale.map_or(FlightNews::Alone, |stale| FlightNews::Here(Arc::clone(stale))));
        Some((Arc::clone(stale?), storing.asked))
    }
}

/// Whether a stale response may be used now in place of a failure.
fn serves_after_error(stale: &CacheEntry) -> bool {
    reuse::serves_after_error(&stale.freshness, millis_of_day())
}

/// Whether an answer with this status is a failure that a stale response may take the place of.
pub(crate) fn is_failure(status: u16) -> bool {
    matches!(status, 500 | 502..=504)
}

/// The time of day, in milliseconds since 1970.
pub(crate) fn millis_of_day() -> Millis {
    clock::time_of_day().duration_since(UNIX_EPOCH).map_or(0, clock::millis)
}

/// A time as `Date` writes it.
fn date(time: Millis) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(time))
}

impl StoringRequest {
    fn tell(&self, news: FlightNews) {
        if let Some(lead) = &self.lead {
            lead.tell(news);
        }
    }

    /// Lets those who wait go: the answer cannot be stored after all.
    pub(crate) fn give_up(&mut self, zone: &Zone, key: &[u8]) {
        zone.passes.add(key, &self.kind, millis_of_day());
        self.tell(FlightNews::Alone);
        self.lead = None;
    }

    /// Whether the answer is outdated before it has come.
    pub(crate) fn is_void(&self, zone: &Zone) -> bool {
        self.lead.as_ref().map_or(zone.epoch() != self.epoch, Lead::is_void)
    }

    /// Lets those who wait go, and has the answer not stored.
    pub(crate) fn keep_to_oneself(&mut self) {
        self.lead = None;
        self.epoch = u64::MAX;
    }

    /// Like [`Caching::take`]. The request is still needed if the answer is stored.
    pub(crate) fn take(
        &mut self,
        rules: &CacheRules,
        key: &[u8],
        response: &mut ResponseHead,
        sent: &Fields,
        framing: Framing,
    ) -> TakenAnswer {
        let now = millis_of_day();
        let status = response.status;
        let stale = self.stale.clone();
        if let (304, Some(stale)) = (status, &stale) {
            return TakenAnswer::Validated(self.validated(stale, rules, key, response, now));
        }
        if let (true, Some(stale)) = (is_failure(status), &stale) {
            if serves_after_error(stale) {
                self.tell(FlightNews::Here(Arc::clone(stale)));
                return TakenAnswer::Failed(Arc::clone(stale));
            }
        }
        match self.store(rules, response, sent, framing, now) {
            Ok(entry) => {
                let alone = entry.freshness.is_for_one();
                if !alone {
                    rules.zone.passes.remove(key, &self.kind);
                }
                self.tell(if alone { FlightNews::Alone } else { FlightNews::Here(Arc::clone(&entry)) });
                TakenAnswer::Stored(entry)
            }
            Err(why) => {
                if status < 500 {
                    // What is for this client only says nothing of what others get.
                    let own = why == Unstorable::Personal && (self.asker.authorization || self.asker.known);
                    if let Some(stale) = stale.filter(|_| !own) {
                        rules.zone.remove(key, &stale);
                    }
                    if why != Unstorable::Room {
                        rules.zone.passes.add(key, &self.kind, now);
                    }
                }
                self.tell(FlightNews::Alone);
                TakenAnswer::Not
            }
        }
    }

    /// The stored response with what a 304 says of it.
    fn validated(
        &mut self,
        stale: &Arc<CacheEntry>,
        rules: &CacheRules,
        key: &[u8],
        response: &mut ResponseHead,
        now: Millis,
    ) -> Arc<CacheEntry> {
        hop_by_hop::clean_response(response, false, false);
        let mut head = ResponseHead::default();
        stale.write_head(&mut head);
        if !is_meant(&head.fields, &response.fields) {
            // The backend says it of another response than ours: the next request asks for the whole.
            rules.zone.remove(key, stale);
            self.lead = None;
            return Arc::clone(stale);
        }
        update(&mut head.fields, &response.fields);
        if !response.fields.has(Known::Date) {
            // The age of the old response would never let it be fresh again (RFC 9110, section 6.6.1).
            head.fields.set(Known::Date, date(now).as_bytes());
        }
        let freshness = judge(head.status, &head.fields, self.asker, &rules.policy, (self.sent, now));
        let tags = take_tags(&mut head.fields);
        self.own_lines = strip(&mut head.fields);
        let kept = freshness.is_ok();
        // What is for this client only says nothing of what others get.
        let own = freshness == Err(Unstorable::Personal) && (self.asker.authorization || self.asker.known);
        let freshness = freshness.unwrap_or(Freshness { received: now, always_validate: true, ..Freshness::default() });
        let mut of = stale.circumstances(freshness);
        if !tags.is_empty() {
            of.tags = tags;
        }
        let entry = CacheEntry::new(&head, Arc::clone(&stale.body), of);
        match kept {
            // What is outdated by now is stale, or no longer there.
            true => rules.zone.store(key, &entry, || self.is_void(&rules.zone)),
            false if own => {}
            false => rules.zone.remove(key, stale),
        }
        self.tell(if kept { FlightNews::Here(Arc::clone(&entry)) } else { FlightNews::Alone });
        entry
    }

    fn store(
        &mut self,
        rules: &CacheRules,
        response: &mut ResponseHead,
        sent: &Fields,
        framing: Framing,
        now: Millis,
    ) -> Result<Arc<CacheEntry>, Unstorable> {
        let freshness = judge(response.status, &response.fields, self.asker, &rules.policy, (self.sent, now))?;
        let length = match framing {
            Framing::None => Some(0),
            Framing::Length(length) => Some(length),
            Framing::Chunked => None,
            // Its end cannot be told from a failure.
            Framing::UntilClose => return Err(Unstorable::Size),
        };
        if length.is_some_and(|length| length > rules.zone.largest()) {
            return Err(Unstorable::Size);
        }
        let in_memory = length.is_none_or(|length| length <= rules.zone.max_object());
        let vary = Vary::of(&response.fields, &self.asked, sent).ok_or(Unstorable::Vary)?;
        if in_memory && !rules.zone.reserve(length.unwrap_or(0)) {
            return Err(Unstorable::Room);
        }
        hop_by_hop::clean_response(response, false, false);
        let via = response.version.via();
        response.fields.append(Known::Via, via);
        if !response.fields.has(Known::Date) {
            // Later its age could not be told (RFC 9110, section 6.6.1).
            response.fields.append(Known::Date, date(now).as_bytes());
        }
        let tags = take_tags(&mut response.fields);
        self.own_lines = strip(&mut response.fields);
        if length.is_none() {
            response.fields.remove(Known::ContentLength);
        }
        let place = self.place.clone();
        let body = if in_memory { Body::begin(length) } else { Body::begin_large(length) };
        Ok(CacheEntry::new(response, body, Circumstances { freshness, vary, place, tags }))
    }
}
