//! The rulings of one `authorize`, by key, and the calls that are to make others.

use std::collections::hash_map::{Entry, HashMap};
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use parking_lot::Mutex;
use proxy_http::message::FieldName;
use rustc_hash::FxHashMap;
use tokio::sync::watch;
use tokio::time::Instant;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::ruling::Ruling;
use crate::blocks::{Block, BlockArgument, BlockFailure, BlockReply, BlockValue};
use crate::fork_safe;

/// Number of shards. Each has its own lock, so that threads seldom contend.
const SHARDS: usize = 16;
/// Number of keys from which sharding is worthwhile. With fewer, the shards would fill unevenly.
const WORTH_SHARDING: usize = 4096;
/// Names of fields that an `authorize` sets, at most.
const MOST_NAMES: usize = 100;

/// Rulings by key, within bounded memory. Each shard has two halves, like the counts of a `rate_limit`. A ruling that
/// is used goes to the young half. When that is full, the old half is dropped, and the young one becomes the old one.
#[derive(Debug)]
pub(super) struct Rulings {
    block: Block,
    /// Seed of the hashes.
    seed: u64,
    shards: Box<[Mutex<RulingShard>]>,
    /// Rulings that a half of a shard holds.
    half: usize,
    /// Calls that wait or run, each with those that wait for its ruling.
    pending: fork_safe::Mutex<HashMap<Box<[u8]>, watch::Sender<Option<Made>>>>,
    ttl: Duration,
    negative_ttl: Duration,
    /// Names of fields that this filter sets: those of `copy_headers`, and those that the block has set.
    names: ArcSwap<Vec<FieldName>>,
}

type Made = Result<Ruling, BlockFailure>;
type Half = FxHashMap<u64, KeptRuling>;

#[derive(Debug, Default)]
struct RulingShard {
    young: Half,
    old: Half,
}

#[derive(Debug, Clone)]
struct KeptRuling {
    /// The whole key, since keys may have equal hashes. The later one then takes the place of the other.
    key: Box<[u8]>,
    ruling: Ruling,
    until: Instant,
}

impl Rulings {
    /// No rulings yet. `ttls` are for requests that pass and for those that are refused.
    pub(super) fn new(block: Block, names: Vec<FieldName>, ttls: (Duration, Duration), keys: usize) -> Self {
        let shards = if keys < WORTH_SHARDING { 1 } else { SHARDS };
        Self {
            block,
            seed: fastrand::u64(..),
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            half: (keys / shards / 2).max(1),
            pending: fork_safe::Mutex::default(),
            ttl: ttls.0,
            negative_ttl: ttls.1,
            names: ArcSwap::from_pointee(names),
        }
    }

    pub(super) fn block(&self) -> &Block {
        &self.block
    }

    /// Names of fields that this filter sets.
    pub(super) fn names(&self) -> Guard<Arc<Vec<FieldName>>> {
        self.names.load()
    }

    /// The ruling for this key, if it is known.
    pub(super) fn known(&self, key: &[u8]) -> Option<Ruling> {
        let now = Instant::now();
        let hash = xxh3_64_with_seed(key, self.seed);
        // Dropped only after the lock is released.
        let mut forgotten = Half::default();
        let mut shard = self.shard(hash).lock();
        let holds = |kept: &KeptRuling| now < kept.until && *kept.key == *key;
        if let Some(kept) = shard.young.get(&hash) {
            return holds(kept).then(|| kept.ruling.clone());
        }
        let kept = shard.old.remove(&hash).filter(holds)?;
        let ruling = kept.ruling.clone();
        shard.keep(hash, kept, self.half, &mut forgotten);
        drop(shard);
        Some(ruling)
    }

    fn shard(&self, hash: u64) -> &Mutex<RulingShard> {
        &self.shards[(hash >> 32) as usize % self.shards.len()]
    }

    fn keep(&self, key: Box<[u8]>, ruling: &Ruling) {
        let ttl = if ruling.is_pass() { self.ttl } else { self.negative_ttl };
        if ttl.is_zero() {
            return;
        }
        let hash = xxh3_64_with_seed(&key, self.seed);
        let kept = KeptRuling { key, ruling: ruling.clone(), until: Instant::now() + ttl };
        let mut forgotten = Half::default();
        self.shard(hash).lock().keep(hash, kept, self.half, &mut forgotten);
    }

    /// The ruling that the block makes. All that ask for one key meanwhile get the same one.
    pub(super) async fn ask(self: &Arc<Self>, key: Box<[u8]>, question: BlockArgument, limit: Duration) -> Made {
        self.block
            .within(limit, async {
                loop {
                    match self.join(&key, &question) {
                        Ok(ruling) => return Ok(ruling),
                        Err(mut coming) => {
                            let made = coming.wait_for(Option::is_some).await.ok().and_then(|made| made.clone());
                            match made {
                                // The call was dropped because nobody had waited for it before.
                                Some(Err(BlockFailure::Late)) => {}
                                made => return made.unwrap_or(Err(BlockFailure::Gone)),
                            }
                        }
                    }
                }
            })
            .await
    }

    /// The ruling if it is known by now, or else the place where it will be. The first one that asks calls the block.
    fn join(self: &Arc<Self>, key: &[u8], question: &BlockArgument) -> Result<Ruling, watch::Receiver<Option<Made>>> {
        let coming = {
            let mut pending = self.pending.lock();
            match pending.entry(key.into()) {
                Entry::Occupied(entry) => return Err(entry.get().subscribe()),
                Entry::Vacant(entry) => {
                    // A ruling is kept before its call is no longer pending.
                    if let Some(ruling) = self.known(key) {
                        return Ok(ruling);
                    }
                    let (sender, coming) = watch::channel(None);
                    entry.insert(sender);
                    coming
                }
            }
        };
        self.block.submit(question.clone(), RulingReply { rulings: Arc::downgrade(self), key: key.into() });
        Err(coming)
    }

    /// Adds names of fields that the block sets. The error says that there are too many.
    fn learn(&self, ruling: &Ruling) -> Result<(), String> {
        let is_known = |names: &[FieldName], name: &FieldName| {
            names.iter().any(|known| known.as_str().eq_ignore_ascii_case(name.as_str()))
        };
        if ruling.fields().iter().all(|(name, _)| is_known(&self.names(), name)) {
            return Ok(());
        }
        let with_new = |known: &Arc<Vec<FieldName>>| {
            let mut all = Vec::clone(known);
            for (name, _) in ruling.fields() {
                if !is_known(&all, name) {
                    all.push(name.clone());
                }
            }
            all.truncate(MOST_NAMES);
            all
        };
        let before = self.names.rcu(with_new);
        let all = with_new(&before);
        if ruling.fields().iter().any(|(name, _)| !is_known(&all, name)) {
            return Err(format!("answered with fields of more than {MOST_NAMES} names: answer with fewer"));
        }
        let new: Vec<_> = all[before.len()..].iter().map(FieldName::as_str).collect();
        if !new.is_empty() {
            self.block.warn(format_args!(
                "the block sets {}, which clients can send until it does: write copy_headers: {new:?}",
                new.join(", ")
            ));
        }
        Ok(())
    }
}

impl RulingShard {
    fn keep(&mut self, hash: u64, kept: KeptRuling, half: usize, forgotten: &mut Half) {
        if self.young.len() >= half && !self.young.contains_key(&hash) {
            *forgotten = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
        }
        self.old.remove(&hash);
        self.young.insert(hash, kept);
    }
}

/// Brings the answer of the block to all that wait for it. A block that never returns keeps no configuration in use.
struct RulingReply {
    rulings: Weak<Rulings>,
    key: Box<[u8]>,
}

impl BlockReply for RulingReply {
    fn is_wanted(&self) -> bool {
        let Some(rulings) = self.rulings.upgrade() else { return false };
        let is_wanted = rulings.pending.lock().get(&self.key).is_some_and(|waiting| !waiting.is_closed());
        is_wanted
    }

    fn take(self: Box<Self>, answer: Result<BlockValue, BlockFailure>) -> Result<(), String> {
        let Self { rulings, key } = *self;
        // The configuration is no longer in use: nobody waits.
        let Some(rulings) = rulings.upgrade() else { return Ok(()) };
        let mut wrong = Ok(());
        let made = answer.and_then(|answer| {
            let read = Ruling::read(&answer).and_then(|ruling| rulings.learn(&ruling).map(|()| ruling));
            read.map_err(|message| {
                wrong = Err(message);
                BlockFailure::Failed
            })
        });
        if let Ok(ruling) = &made {
            rulings.keep(key.clone(), ruling);
        }
        let waiting = rulings.pending.lock().remove(&key);
        if let Some(waiting) = waiting {
            waiting.send_replace(Some(made));
        }
        wrong
    }
}

#[cfg(test)]
mod tests;
