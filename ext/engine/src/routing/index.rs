//! Which locations of a scope may take a request, found without a look at the others.
//!
//! Hosts and paths are looked up in tables: a host as it is and by what stands behind each of its dots, a path as it is
//! and by each of its leading runs of segments, but only in such lengths as the configuration has. What is found are
//! short lists of locations in the order of the file; whoever asks merges them and looks at what the tables do not say.
//! Only locations without a literal beginning and `Regexp`s are looked at one by one.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::entry::Entry;
use super::host::HostPattern;
use super::matcher::Matcher;
use super::pattern::{without_trailing_slash, Pattern};

/// Keys are cut to this many segments or labels, so that their lengths fit into a word.
const LONGEST: usize = 63;

/// Lists of entries, each in order.
pub(super) type Lists<'i> = SmallVec<[&'i [Entry]; 8]>;

/// The tables of one scope.
#[derive(Debug, Default)]
pub(super) struct Index {
    any_host: Paths,
    hosts: FxHashMap<Box<[u8]>, Paths>,
    /// By what stands behind the `*.` of a host.
    suffixes: Table<Paths>,
}

/// What is known of the paths that are taken for one host.
#[derive(Debug, Default)]
struct Paths {
    exact: FxHashMap<Box<[u8]>, Vec<Entry>>,
    /// By the path under which they stand.
    under: Table<Vec<Entry>>,
    /// Those that may match anything, even what is no path.
    rest: Vec<Entry>,
}

/// A table with keys of several lengths, counted in segments or labels.
#[derive(Debug)]
struct Table<T> {
    entries: FxHashMap<Box<[u8]>, T>,
    /// The lengths that there are, as bits.
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
    /// The index of locations in the order of the file.
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

    /// Adds the lists in which every location stands that may match. `host` is in small letters and has no dot at its
    /// end.
    pub(super) fn find<'i>(&'i self, host: &[u8], path: &[u8], lists: &mut Lists<'i>) {
        self.any_host.find(path, lists);
        if let Some(paths) = self.hosts.get(host) {
            paths.find(path, lists);
        }
        if self.suffixes.lengths != 0 {
            // From the right: the first dot has one label behind it, and no dot in it.
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
        // The empty run of segments ends before the first slash, every other before the next one or at the end.
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

/// The next entry of all lists, which is taken off.
pub(super) fn next(lists: &mut Lists<'_>) -> Option<Entry> {
    let list = lists.iter_mut().filter(|list| !list.is_empty()).min_by_key(|list| list[0])?;
    let (first, rest) = list.split_first()?;
    *list = rest;
    Some(*first)
}

/// Each with its number; one `None` if there are none, which stands for everything.
fn numbered<T>(list: &[T]) -> impl Iterator<Item = (u32, Option<&T>)> {
    let nothing = list.is_empty().then_some((0, None));
    nothing.into_iter().chain((0u32..).zip(list.iter().map(Some)))
}

fn first_segments(path: &[u8], count: usize) -> &[u8] {
    memchr::memchr_iter(b'/', path).nth(count).map_or(path, |end| &path[..end])
}

/// What stands behind the last `count` dots and has as many in it as a key of that length.
fn last_labels(host: &[u8], count: usize) -> &[u8] {
    memchr::memrchr_iter(b'.', host).nth(count).map_or(host, |dot| &host[dot + 1..])
}

#[cfg(test)]
mod tests;
