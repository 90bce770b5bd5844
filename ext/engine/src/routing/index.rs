//! Index of a scope's locations: finds the candidates for a request without checking the others.
//!
//! Hosts and paths are looked up in hash tables: a host as a whole and by the part behind each of its dots; a path as a
//! whole and by each of its leading runs of segments. Only lengths that occur in the configuration are looked up. The
//! results are short lists of locations in the order of the file. The caller merges them and checks the criteria that
//! the tables do not cover. Only locations without a literal beginning and `Regexp`s are checked one by one.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::entry::Entry;
use super::host::HostPattern;
use super::matcher::Matcher;
use super::pattern::{without_trailing_slash, Pattern};

/// Maximum of segments or labels in a key, so that the set of lengths fits into a word.
const LONGEST: usize = 63;

/// Lists of entries, each in the order of the file.
pub(super) type Lists<'i> = SmallVec<[&'i [Entry]; 8]>;

/// The tables of one scope.
#[derive(Debug, Default)]
pub(super) struct Index {
    any_host: Paths,
    hosts: FxHashMap<Box<[u8]>, Paths>,
    /// Hosts by the part behind their `*.`.
    suffixes: Table<Paths>,
}

/// The patterns that apply to one host.
#[derive(Debug, Default)]
struct Paths {
    exact: FxHashMap<Box<[u8]>, Vec<Entry>>,
    /// Patterns by the path under which they stand.
    under: Table<Vec<Entry>>,
    /// Patterns that may match anything, even a target that is not a path.
    rest: Vec<Entry>,
}

/// A table with keys of several lengths, counted in segments or labels.
#[derive(Debug)]
struct Table<T> {
    entries: FxHashMap<Box<[u8]>, T>,
    /// Bit set of the key lengths in the table.
    lengths: u64,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { entries: FxHashMap::default(), lengths: 0 }
    }
}

impl<T: Default> Table<T> {
    fn entry(&mut self, key: &[u8], length: usize) -> &mut T {
        self.lengths |= 1 << length;
        self.entries.entry(key.into()).or_default()
    }
}

impl Index {
    /// Builds the index from locations in the order of the file.
    pub(super) fn build<'l>(locations: impl Iterator<Item = &'l Matcher>) -> Self {
        let mut index = Self::default();
        for (location, matcher) in (0u32..).zip(locations) {
            for (pattern, path) in numbered(&matcher.patterns) {
                for (host, name) in numbered(&matcher.hosts) {
                    let entry = Entry { location, pattern, host, check_pattern: false, check_host: false };
                    index.add(entry, path, name);
                }
            }
        }
        index
    }

    fn add(&mut self, mut entry: Entry, path: Option<&Pattern>, host: Option<&HostPattern>) {
        let paths = match host {
            None => &mut self.any_host,
            Some(HostPattern::Regexp(_)) => {
                entry.check_host = true;
                &mut self.any_host
            }
            Some(HostPattern::Exact(host)) => self.hosts.entry(host.clone()).or_default(),
            Some(HostPattern::Below(suffix)) => {
                let length = suffix.iter().filter(|b| **b == b'.').count();
                entry.check_host = length >= LONGEST;
                let cut = if entry.check_host { last_labels(suffix, LONGEST) } else { suffix };
                self.suffixes.entry(cut, length.min(LONGEST))
            }
        };
        let list = match path {
            None => &mut paths.rest,
            Some(pattern) if pattern.is_regexp() => {
                entry.check_pattern = true;
                &mut paths.rest
            }
            Some(pattern) => match pattern.exact() {
                Some(path) => paths.exact.entry(path.into()).or_default(),
                None => {
                    let under = pattern.under();
                    let length = under.iter().filter(|b| **b == b'/').count();
                    entry.check_pattern = length > LONGEST || !pattern.is_prefix();
                    let cut = if length > LONGEST { first_segments(under, LONGEST) } else { under };
                    paths.under.entry(cut, length.min(LONGEST))
                }
            },
        };
        list.push(entry);
    }

    /// Adds the lists that contain every location that may match. `host` is in lower case, without a trailing dot.
    pub(super) fn find<'i>(&'i self, host: &[u8], path: &[u8], lists: &mut Lists<'i>) {
        self.any_host.find(path, lists);
        if let Some(paths) = self.hosts.get(host) {
            paths.find(path, lists);
        }
        if self.suffixes.lengths != 0 {
            // From the right: one label stands behind the first dot.
            for (length, dot) in memchr::memrchr_iter(b'.', host).enumerate().take(LONGEST + 1) {
                if self.suffixes.lengths >> length & 1 == 1 && dot > 0 {
                    if let Some(paths) = self.suffixes.entries.get(&host[dot + 1..]) {
                        paths.find(path, lists);
                    }
                }
            }
        }
    }
}

impl Paths {
    fn find<'i>(&'i self, path: &[u8], lists: &mut Lists<'i>) {
        let mut add = |list: Option<&'i Vec<Entry>>| lists.extend(list.map(Vec::as_slice));
        if !self.rest.is_empty() {
            add(Some(&self.rest));
        }
        if !path.starts_with(b"/") {
            return;
        }
        let path = without_trailing_slash(path);
        if !self.exact.is_empty() {
            add(self.exact.get(path));
        }
        let lengths = self.under.lengths;
        if lengths == 0 {
            return;
        }
        // The empty run of segments ends before the first slash, every other run before the next slash or at the end.
        let ends = memchr::memchr_iter(b'/', path).chain([path.len()]).take(LONGEST + 1);
        for (length, end) in ends.enumerate() {
            if lengths >> length == 0 {
                break;
            }
            if lengths >> length & 1 == 1 {
                add(self.under.entries.get(&path[..end]));
            }
        }
    }
}

/// Removes and returns the next entry of all lists, in the order of the file.
pub(super) fn next(lists: &mut Lists<'_>) -> Option<Entry> {
    let list = lists.iter_mut().filter(|list| !list.is_empty()).min_by_key(|list| list[0])?;
    let (first, rest) = list.split_first()?;
    *list = rest;
    Some(*first)
}

/// Each element with its number. An empty list gives one `None`, which stands for everything.
fn numbered<T>(list: &[T]) -> impl Iterator<Item = (u32, Option<&T>)> {
    let nothing = list.is_empty().then_some((0, None));
    nothing.into_iter().chain((0u32..).zip(list.iter().map(Some)))
}

fn first_segments(path: &[u8], count: usize) -> &[u8] {
    memchr::memchr_iter(b'/', path).nth(count).map_or(path, |end| &path[..end])
}

/// The end of `host` behind its last `count` dots, with as many dots in it as a key of that length.
fn last_labels(host: &[u8], count: usize) -> &[u8] {
    memchr::memrchr_iter(b'.', host).nth(count).map_or(host, |dot| &host[dot + 1..])
}

#[cfg(test)]
mod tests;
