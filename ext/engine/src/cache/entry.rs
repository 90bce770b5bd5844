//! A stored response.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::Arc;

use proxy_http::message::{Fields, ResponseHead};

use super::body::Body;
use super::freshness::Freshness;
use super::record::{push_number, push_text, RecordReader};
use super::vary::Vary;

/// Bytes that an entry takes beside its texts, about.
const OVERHEAD: usize = 512;

/// Where in the configuration a response came from. What another location or upstream has answered for the same URL is
/// another response.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct AnswerPlace {
    /// Name of the location.
    pub(crate) location: Box<str>,
    /// Upstream that a split has chosen; empty without one.
    pub(crate) upstream: Box<str>,
    /// Authority of the target; empty if it is the backend's own.
    pub(crate) authority: Box<[u8]>,
    /// Path and query of the target; empty if they are those of the client.
    pub(crate) path: Box<[u8]>,
}

impl AnswerPlace {
    /// The place, as a request has it.
    pub(crate) fn asked(&self) -> AskedPlace<'_> {
        let Self { location, upstream, authority, path } = self;
        AskedPlace { location, upstream, authority, path }
    }

    fn write_to(&self, out: &mut Vec<u8>) {
        for text in [self.location.as_bytes(), self.upstream.as_bytes(), &self.authority, &self.path] {
            push_text(out, text);
        }
    }

    fn read(record: &mut RecordReader<'_>) -> Option<Self> {
        let (location, upstream) = (record.chars()?.into(), record.chars()?.into());
        Some(Self { location, upstream, authority: record.text()?.into(), path: record.text()?.into() })
    }
}

/// A place, as a request has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AskedPlace<'a> {
    pub(crate) location: &'a str,
    pub(crate) upstream: &'a str,
    pub(crate) authority: &'a [u8],
    pub(crate) path: &'a [u8],
}

impl AskedPlace<'_> {
    /// The place, to be kept.
    pub(crate) fn keep(&self) -> AnswerPlace {
        let (location, upstream) = (self.location.into(), self.upstream.into());
        AnswerPlace { location, upstream, authority: self.authority.into(), path: self.path.into() }
    }

    /// Writes the place, so that no two look the same.
    pub(crate) fn write_to(&self, out: &mut Vec<u8>) {
        for part in [self.location.as_bytes(), self.upstream.as_bytes(), self.authority, self.path] {
            out.extend_from_slice(part);
            out.push(b'\n');
        }
    }

    fn is(&self, place: &AnswerPlace) -> bool {
        (self.location, self.upstream) == (&*place.location, &*place.upstream)
            && (self.authority, self.path) == (&*place.authority, &*place.path)
    }
}

/// A stored response: all but its body never changes.
#[derive(Debug)]
pub(crate) struct CacheEntry {
    pub(crate) status: u16,
    reason: Box<[u8]>,
    /// Field lines, each with its line break.
    lines: Box<[u8]>,
    pub(crate) freshness: Freshness,
    pub(crate) vary: Vary,
    place: AnswerPlace,
    tags: Box<[Box<[u8]>]>,
    pub(crate) body: Arc<Body>,
    purged: AtomicBool,
}

/// What an entry is made of beside its head and body.
#[derive(Debug)]
pub(crate) struct Circumstances {
    pub(crate) freshness: Freshness,
    pub(crate) vary: Vary,
    pub(crate) place: AnswerPlace,
    pub(crate) tags: Box<[Box<[u8]>]>,
}

impl CacheEntry {
    /// An entry with the fields of `head` as they are.
    pub(crate) fn new(head: &ResponseHead, body: Arc<Body>, of: Circumstances) -> Arc<Self> {
        let mut lines = Vec::new();
        head.fields.write_to(&mut lines);
        let Circumstances { freshness, vary, place, tags } = of;
        let (status, reason, lines) = (head.status, head.reason().into(), lines.into());
        Arc::new(Self { status, reason, lines, freshness, vary, place, tags, body, purged: AtomicBool::new(false) })
    }

    /// Whether the response suits a request.
    pub(crate) fn suits(&self, place: AskedPlace<'_>, request: &Fields) -> bool {
        place.is(&self.place) && self.vary.suits(request)
    }

    /// Whether `other` is a response to the same requests.
    fn replaces(&self, other: &Self) -> bool {
        self.place == other.place && self.vary == other.vary
    }

    /// Makes the head of a response from the entry.
    pub(crate) fn write_head(&self, head: &mut ResponseHead) {
        head.fields.read_lines(&self.lines);
        head.status = self.status;
        head.version = proxy_http::message::Version::Http11;
        head.reason = head.fields.push_text(&self.reason);
    }

    /// The fields.
    pub(crate) fn fields(&self) -> Fields {
        let mut fields = Fields::default();
        fields.read_lines(&self.lines);
        fields
    }

    /// What it was made of, for the entry in its place.
    pub(crate) fn circumstances(&self, freshness: Freshness) -> Circumstances {
        Circumstances { freshness, vary: self.vary.clone(), place: self.place.clone(), tags: self.tags.clone() }
    }

    /// Whether somebody has called it outdated.
    pub(crate) fn is_purged(&self) -> bool {
        self.purged.load(Relaxed)
    }

    /// Calls it outdated.
    pub(crate) fn purge(&self) {
        self.purged.store(true, Relaxed);
    }

    /// The tags.
    pub(crate) fn tags(&self) -> impl Iterator<Item = &[u8]> {
        self.tags.iter().map(|tag| &**tag)
    }

    /// Writes what tells it apart from other responses for its key.
    pub(super) fn write_variant(&self, out: &mut Vec<u8>) {
        self.place.write_to(out);
        self.vary.write_to(out);
    }

    /// Writes all but its body into a record.
    pub(super) fn write_to(&self, out: &mut Vec<u8>) {
        self.write_variant(out);
        self.freshness.write_to(out);
        push_number(out, self.status.into());
        push_text(out, &self.reason);
        push_text(out, &self.lines);
        push_number(out, self.tags.len() as u64);
        self.tags.iter().for_each(|tag| push_text(out, tag));
    }

    /// Reads what [`Self::write_to`] wrote.
    pub(super) fn read(mut record: RecordReader<'_>, body: Arc<Body>) -> Option<Self> {
        let record = &mut record;
        let (place, vary) = (AnswerPlace::read(record)?, Vary::read(record)?);
        let freshness = Freshness::read(record)?;
        let status = u16::try_from(record.number_below(1000)?).ok()?;
        let (reason, lines) = (record.text()?.into(), record.text()?.into());
        let tags = (0..record.number()?).map(|_| record.text().map(Box::from)).collect::<Option<_>>()?;
        Some(Self { status, reason, lines, freshness, vary, place, tags, body, purged: AtomicBool::new(false) })
    }

    /// The same with another body.
    pub(super) fn with_body(self, body: Arc<Body>) -> Arc<Self> {
        Arc::new(Self { body, ..self })
    }

    /// Whether the response has this tag.
    pub(crate) fn has_tag(&self, tag: &[u8]) -> bool {
        self.tags.iter().any(|one| **one == *tag)
    }

    /// Bytes in memory, about.
    pub(crate) fn size(&self) -> u64 {
        let tags: usize = self.tags.iter().map(|tag| tag.len() + size_of::<Box<[u8]>>()).sum();
        let head = OVERHEAD + self.reason.len() + self.lines.len() + self.vary.size() + tags;
        head as u64 + if self.body.file().is_some() { 0 } else { self.body.length().unwrap_or(0) }
    }
}

/// Most responses that are kept for one key.
pub(super) const MOST_VARIANTS: u64 = 16;

/// The responses for one key, the newest first.
#[derive(Debug, Default)]
pub(crate) struct CacheSlot(Box<[Arc<CacheEntry>]>);

impl CacheSlot {
    /// The response that suits a request.
    pub(crate) fn find(&self, place: AskedPlace<'_>, request: &Fields) -> Option<&Arc<CacheEntry>> {
        self.0.iter().find(|entry| entry.suits(place, request))
    }

    /// The slot with another response. The oldest go if there are too many, or if they have more than `room` bytes.
    pub(crate) fn with(&self, entry: Arc<CacheEntry>, room: u64) -> Self {
        let mut left = room.saturating_sub(entry.size());
        let others = self.0.iter().filter(|other| !entry.replaces(other)).take(MOST_VARIANTS as usize - 1);
        let others = others.take_while(|other| left.checked_sub(other.size()).map(|less| left = less).is_some());
        Self(std::iter::once(Arc::clone(&entry)).chain(others.cloned()).collect())
    }

    /// The slot without a response. `None` if none is left.
    pub(crate) fn without(&self, entry: &Arc<CacheEntry>) -> Option<Self> {
        let left: Box<[_]> = self.0.iter().filter(|other| !Arc::ptr_eq(other, entry)).cloned().collect();
        (!left.is_empty()).then_some(Self(left))
    }

    /// The responses.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Arc<CacheEntry>> {
        self.0.iter()
    }

    /// Bytes in memory, about.
    pub(crate) fn size(&self) -> u64 {
        self.0.iter().map(|entry| entry.size()).sum()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A response without a body.
    pub(in crate::cache) fn entry(location: &str, varied: &str) -> Arc<CacheEntry> {
        let (mut response, mut request) = (Fields::default(), Fields::default());
        response.append("Vary", b"Foo");
        request.append("Foo", varied.as_bytes());
        let vary = Vary::of(&response, &request, &request).expect("it may be stored");
        let place = AnswerPlace { location: location.into(), ..AnswerPlace::default() };
        let of = Circumstances { freshness: Freshness::default(), vary, place, tags: Box::default() };
        CacheEntry::new(&ResponseHead { status: 200, ..ResponseHead::default() }, Body::begin(None), of)
    }

    #[test]
    fn a_slot_has_one_response_for_each_request_and_a_limited_number() {
        let asked = |location, varied: &str| {
            let mut request = Fields::default();
            request.append("Foo", varied.as_bytes());
            (AskedPlace { location, upstream: "", authority: b"", path: b"" }, request)
        };
        let first = entry("a", "1");
        let slot = CacheSlot::default()
            .with(Arc::clone(&first), u64::MAX)
            .with(entry("b", "1"), u64::MAX)
            .with(entry("a", "2"), u64::MAX);
        let found = |slot: &CacheSlot, location, varied| {
            let (place, request) = asked(location, varied);
            slot.find(place, &request).cloned()
        };
        assert!(Arc::ptr_eq(&found(&slot, "a", "1").expect("the first"), &first));
        assert!(found(&slot, "b", "2").is_none() && found(&slot, "c", "1").is_none());
        let second = entry("a", "1");
        let slot = slot.with(Arc::clone(&second), u64::MAX);
        assert!(Arc::ptr_eq(&found(&slot, "a", "1").expect("the second"), &second));
        assert_eq!(slot.0.len(), 3);
        let slot = slot.without(&second).expect("others");
        assert!(found(&slot, "a", "1").is_none());
        let full = (0..40).fold(slot, |slot, number| slot.with(entry("a", &number.to_string()), u64::MAX));
        assert_eq!(full.0.len() as u64, MOST_VARIANTS);
        let few = full.with(entry("a", "41"), full.size() / 2);
        assert_eq!(few.0.len() as u64, MOST_VARIANTS / 2, "the newest half");
    }
}
