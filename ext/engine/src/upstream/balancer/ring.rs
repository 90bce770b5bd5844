//! A consistent hash: when a backend comes or goes, only the keys that are or were its own move.

use std::collections::HashMap;

use xxhash_rust::xxh3::xxh3_64;

/// Points of a backend of average weight. More of them make for more even shares: 160 bring them within about a tenth.
const POINTS: u64 = 160;

/// Points on a circle of hashes. A key belongs to the first point that is not before it.
#[derive(Debug, Default)]
pub(super) struct Ring(Box<[Point]>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    hash: u64,
    place: u32,
}

/// The hash of a key. It is the same in every process and in every version, so that several proxies send a key the same
/// way.
pub(crate) fn hash(key: &[u8]) -> u64 {
    xxh3_64(key)
}

impl Ring {
    /// `members` are names and weights. A name keeps its points whoever else is there.
    pub(super) fn new<'a>(members: impl Iterator<Item = (&'a str, u32)> + Clone) -> Self {
        let sum = |(count, total), (_, weight)| (count + 1, total + u64::from(weight));
        let (count, total) = members.clone().fold((0, 0), sum);
        let mut points = Vec::new();
        let mut seen = HashMap::<&str, u32>::new();
        for (place, (name, weight)) in members.enumerate() {
            let twin = seen.entry(name).and_modify(|times| *times += 1).or_insert(0);
            let own = (POINTS * count * u64::from(weight) / total).max(1);
            for point in 0..own {
                points.push(Point { hash: hash(format!("{name}\0{twin}\0{point}").as_bytes()), place: place as u32 });
            }
        }
        points.sort_unstable();
        Self(points.into())
    }

    /// The place of the first point for `key` whose place `fits`.
    pub(super) fn find(&self, key: u64, fits: impl Fn(usize) -> bool) -> Option<usize> {
        let start = self.0.partition_point(|point| point.hash < key);
        let (before, after) = self.0.split_at_checked(start)?;
        let mut unfit = None;
        for place in after.iter().chain(before).map(|point| point.place as usize) {
            // Neighbouring points are often of one place, which need not be asked twice.
            if unfit != Some(place) {
                if fits(place) {
                    return Some(place);
                }
                unfit = Some(place);
            }
        }
        None
    }
}
