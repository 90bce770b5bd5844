//! Memory for stored responses, with a name and a limit. Locations share it, and a reload keeps it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use proxy_http::message::Fields;
use quick_cache::sync::Cache;
use quick_cache::{OptionsBuilder, Weighter};
use tokio::sync::oneshot;

use super::entry::{AskedPlace, CacheEntry, CacheSlot, MOST_VARIANTS};
use super::flight::Flights;
use super::passes::Passes;
use super::purge::Purge;
use super::status::CacheResult;
use super::tier::{DiskTier, Spool};
use crate::fork_safe::Mutex;

/// Name of the zone of a `cache` without a name.
pub(crate) const DEFAULT_ZONE: &str = "default";
/// Bytes that a key takes beside its text, about.
const KEY_OVERHEAD: u64 = 128;

/// Limits of a zone, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ZoneLimits {
    pub(crate) memory: u64,
    pub(crate) max_object: u64,
}

#[derive(Debug, Clone)]
struct SlotWeight;

impl Weighter<Box<[u8]>, Arc<CacheSlot>> for SlotWeight {
    fn weight(&self, key: &Box<[u8]>, slot: &Arc<CacheSlot>) -> u64 {
        KEY_OVERHEAD + key.len() as u64 + slot.size()
    }
}

/// What a zone has for a request.
#[derive(Debug)]
pub(crate) enum ZoneFinding {
    Found(Arc<CacheEntry>),
    /// There are answers for the URL, but for other requests.
    OtherVariants,
    Nothing,
}

/// A zone.
#[derive(Debug)]
pub(crate) struct Zone {
    name: Box<str>,
    /// Parts of the memory: what is stored for a URL is in one of them.
    parts: u64,
    memory: AtomicU64,
    max_object: AtomicU64,
    slots: Cache<Box<[u8]>, Arc<CacheSlot>, SlotWeight>,
    /// Held while what is stored for a key changes. Whoever stores looks then whether that is outdated by now, and
    /// whoever invalidates says so before: nothing that is outdated comes back.
    changing: Mutex<()>,
    pub(crate) passes: Passes,
    pub(crate) flights: Arc<Flights>,
    /// Number of invalidations and purges so far.
    epoch: AtomicU64,
    /// Bytes of bodies that are on their way into the zone.
    growing: AtomicU64,
    /// Where responses are kept too, and those that are too large for the memory.
    disk: ArcSwapOption<DiskTier>,
    results: [AtomicU64; CacheResult::ALL.len()],
}

impl Zone {
    /// An empty zone.
    pub(crate) fn new(name: &str, limits: ZoneLimits) -> Arc<Self> {
        // Each part must have room for all responses for one URL, also for large ones.
        let parts = (limits.memory / limits.max_object.max(1) / MOST_VARIANTS).clamp(1, 16);
        let options = OptionsBuilder::new()
            .estimated_items_capacity((limits.memory / 16_384).clamp(16, 1 << 20) as usize)
            .weight_capacity(limits.memory)
            .shards(parts as usize)
            .build();
        let slots = match options {
            Ok(options) => Cache::with_options(options, SlotWeight, Default::default(), Default::default()),
            // Unreachable: all that is required was given.
            Err(_) => Cache::with_weighter(16, limits.memory, SlotWeight),
        };
        Arc::new(Self {
            name: name.into(),
            parts,
            memory: limits.memory.into(),
            max_object: limits.max_object.into(),
            slots,
            changing: Mutex::new(()),
            passes: Passes::default(),
            flights: Arc::default(),
            epoch: AtomicU64::new(0),
            growing: AtomicU64::new(0),
            disk: ArcSwapOption::empty(),
            results: Default::default(),
        })
    }

    /// The name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Takes other limits. What is then too much goes.
    pub(crate) fn limit(&self, limits: ZoneLimits) {
        self.max_object.store(limits.max_object, Relaxed);
        if self.memory.swap(limits.memory, Relaxed) != limits.memory {
            self.slots.set_capacity(limits.memory);
        }
    }

    /// Keeps responses on another disk, or on none.
    pub(crate) fn use_disk(&self, disk: Option<Arc<DiskTier>>) {
        self.disk.store(disk);
    }

    /// Its disk tier.
    pub(crate) fn disk(&self) -> Option<Arc<DiskTier>> {
        self.disk.load_full()
    }

    /// Bytes of the largest body that is stored, in memory or on a disk.
    pub(crate) fn largest(&self) -> u64 {
        self.max_object().max(self.disk.load().as_ref().map_or(0, |disk| disk.max_object()))
    }

    /// Bytes of the largest body that is stored in memory.
    pub(crate) fn max_object(&self) -> u64 {
        self.max_object.load(Relaxed).min(self.memory.load(Relaxed) / 4).min(self.room_of_a_url())
    }

    /// Bytes of all responses for a URL that are kept in memory. With more than a part they would not be kept at all.
    fn room_of_a_url(&self) -> u64 {
        self.memory.load(Relaxed) / self.parts / 8 * 7
    }

    /// Looks a request up.
    pub(crate) fn find(&self, key: &[u8], place: AskedPlace<'_>, request: &Fields) -> ZoneFinding {
        match self.slots.get(key) {
            None => ZoneFinding::Nothing,
            Some(slot) => slot.find(place, request).cloned().map_or(ZoneFinding::OtherVariants, ZoneFinding::Found),
        }
    }

    /// Stores a response, in place of one for the same requests, unless it is outdated.
    pub(crate) fn store(&self, key: &[u8], entry: &Arc<CacheEntry>, outdated: impl FnOnce() -> bool) {
        let _changing = self.changing.lock();
        if !outdated() {
            if let Some(disk) = &*self.disk.load() {
                disk.keep(key, entry);
            }
            self.put(key, entry);
        }
    }

    /// Stores a response whose body is in a file, unless it is outdated. Ready when that is done.
    pub(crate) fn store_file(
        &self,
        spool: Arc<Spool>,
        key: &[u8],
        entry: &Arc<CacheEntry>,
        outdated: impl FnOnce() -> bool,
    ) -> Option<oneshot::Receiver<bool>> {
        let _changing = self.changing.lock();
        if outdated() {
            return None;
        }
        self.disk.load().as_ref()?.name(spool, key, entry)
    }

    /// Keeps a response from the disk in memory, unless its body stays in its file. `false`: it is outdated.
    pub(crate) fn remember(&self, key: &[u8], entry: &Arc<CacheEntry>, outdated: impl FnOnce() -> bool) -> bool {
        let _changing = self.changing.lock();
        let holds = !outdated();
        if holds {
            self.put(key, entry);
        }
        holds
    }

    fn put(&self, key: &[u8], entry: &Arc<CacheEntry>) {
        if entry.body.whole().is_some() {
            let slot = self.slots.peek(key).unwrap_or_default().with(Arc::clone(entry), self.room_of_a_url());
            self.slots.insert(key.into(), Arc::new(slot));
        }
    }

    /// Removes a response, if it is still there.
    pub(crate) fn remove(&self, key: &[u8], entry: &Arc<CacheEntry>) {
        if let Some(disk) = &*self.disk.load() {
            disk.remove(key, entry);
        }
        self.forget(key, entry);
    }

    /// Removes a response from memory, if it is still there.
    pub(crate) fn forget(&self, key: &[u8], entry: &Arc<CacheEntry>) {
        let _changing = self.changing.lock();
        let Some(slot) = self.slots.peek(key) else { return };
        match slot.without(entry) {
            Some(rest) => self.slots.insert(key.into(), Arc::new(rest)),
            None => drop(self.slots.remove(key)),
        }
    }

    /// Removes all responses for a key, and does not take those that are on their way (RFC 9111, section 4.4).
    pub(crate) fn invalidate(&self, key: &[u8]) {
        self.epoch.fetch_add(1, Relaxed);
        self.flights.void_one(key);
        let _changing = self.changing.lock();
        if let Some(disk) = &*self.disk.load() {
            disk.invalidate(key);
        }
        self.slots.remove(key);
    }

    /// Purges: what is stored has to be validated before its next use, or is removed if `hard`. Returns the number of
    /// responses. Waits for the disk.
    pub(crate) fn purge(&self, purge: &Purge, hard: bool) -> u64 {
        let names = |key: &[u8]| purge.means(key);
        self.epoch.fetch_add(1, Relaxed);
        // The tags of what is on its way are not known yet.
        let void = || self.flights.void(|key| names(key) || matches!(purge, Purge::Tag(_)));
        void();
        // What was not seen to be outdated is stored by now.
        drop(self.changing.lock());
        // First those on the disk: whatever comes from there meanwhile is purged in memory then.
        let disk = self.disk();
        let on_disk = disk.as_ref().map(|disk| disk.purge(purge, hard)).unwrap_or_default();
        drop(self.changing.lock());
        let mut count = on_disk.count();
        let tagged = |entry: &Arc<CacheEntry>| matches!(purge, Purge::Tag(tag) if entry.has_tag(tag.as_bytes()));
        let mut removed = Vec::new();
        for (key, slot) in self.slots.iter() {
            let all = names(&key);
            for entry in slot.entries().filter(|entry| all || tagged(entry)) {
                count += u64::from(!on_disk.has(&key, entry));
                if hard {
                    removed.push((key.clone(), Arc::clone(entry)));
                } else {
                    entry.purge();
                    // It may have been written after the others were purged.
                    if let Some(disk) = disk.as_ref().filter(|_| !on_disk.has(&key, entry)) {
                        disk.outdate(&key, entry);
                    }
                }
            }
        }
        removed.iter().for_each(|(key, entry)| self.remove(key, entry));
        void();
        count
    }

    /// Number of invalidations and purges so far.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Relaxed)
    }

    /// Reserves bytes for a body that is on its way. `false` if there is no room.
    pub(crate) fn reserve(&self, bytes: u64) -> bool {
        let most = self.memory.load(Relaxed);
        let more = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= most);
        self.growing.fetch_update(Relaxed, Relaxed, more).is_ok()
    }

    /// Gives reserved bytes back.
    pub(crate) fn release(&self, bytes: u64) {
        self.growing.fetch_sub(bytes, Relaxed);
    }

    /// Counts a request.
    pub(crate) fn count(&self, result: CacheResult) {
        if let Some(count) = self.results.get(result as usize) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// The counts of requests, by result.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (CacheResult, u64)> + '_ {
        CacheResult::ALL.into_iter().zip(self.results.iter().map(|count| count.load(Relaxed)))
    }

    /// Whether it has had to do with any request.
    pub(crate) fn is_used(&self) -> bool {
        self.counts().any(|(_, count)| count > 0)
    }

    /// Bytes that are stored.
    pub(crate) fn bytes(&self) -> u64 {
        self.slots.weight()
    }
}

#[cfg(test)]
mod tests;
