//! Parts of files that were read a moment ago, so that they are in memory.
//!
//! Some file systems do not say what is in memory, above all overlayfs, on which containers stand. There it is
//! remembered what was read: the system hardly forgets it within seconds.

use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rustc_hash::FxHasher;

use crate::clock;

/// Bytes of a part.
const PART: u64 = 64 * 1024;
/// Milliseconds for which a part counts as being in memory.
const KEPT: u64 = 10_000;

/// Parts by their hash: half of that, and the time in hundredths of a second. One that has the place of another takes
/// it.
static PARTS: [AtomicU64; 4096] = [const { AtomicU64::new(0) }; 4096];

/// Place and first half of the entry of a part.
fn entry(file: u64, part: u64) -> (&'static AtomicU64, u64) {
    let mut hasher = FxHasher::default();
    (file, part).hash(&mut hasher);
    let hash = hasher.finish();
    // The lowest bits of this hash are its worst.
    let place = (hash >> 20) as usize % PARTS.len();
    (&PARTS[place], hash & 0xffff_ffff_0000_0000)
}

fn now() -> u64 {
    clock::now() / 10
}

/// Notes that the bytes of `range` were read, of a file with this number and length.
pub(super) fn note(file: u64, range: Range<u64>, length: u64) {
    let now = now() & 0xffff_ffff;
    let end = if range.end >= length { range.end.div_ceil(PART) } else { range.end / PART };
    for part in range.start.div_ceil(PART)..end {
        let (place, half) = entry(file, part);
        place.store(half | now, Relaxed);
    }
}

/// End of the part with `offset` if it was read a moment ago.
pub(super) fn end(file: u64, offset: u64) -> Option<u64> {
    let part = offset / PART;
    let (place, half) = entry(file, part);
    let noted = place.load(Relaxed);
    let age = now().wrapping_sub(noted) & 0xffff_ffff;
    (noted & 0xffff_ffff_0000_0000 == half && noted != 0 && age <= KEPT / 10).then_some((part + 1) * PART)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_parts_are_remembered() {
        let file = 0x5eed_0001_0002_0003;
        assert_eq!(end(file, 0), None);
        note(file, 10..PART * 3 + 5, PART * 9);
        assert_eq!(end(file, 0), None, "its beginning was not read");
        assert_eq!(end(file, PART), Some(PART * 2));
        assert_eq!(end(file, PART * 3 - 1), Some(PART * 3));
        assert_eq!(end(file, PART * 3), None, "its end was not read");
        note(file, PART * 8..PART * 8 + 7, PART * 8 + 7);
        assert_eq!(end(file, PART * 8), Some(PART * 9), "the last part of a file is shorter");
        assert_eq!(end(file + 1, PART), None);
    }
}
