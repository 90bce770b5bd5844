//! Names of locations for logs, metrics and traces. They come from the configuration alone, so their number is bounded.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::config::{LocationConfig, Match};

/// Name of what stands outside all locations.
const OUTSIDE: &str = "/*";

/// Bytes of the longest name; a longer list of patterns is cut.
const LONGEST: usize = 200;

/// Names of the locations so far, each with a number. Locations of one name share it. Number 0 has no name: no location
/// was found.
#[derive(Debug)]
pub(crate) struct RouteNames {
    names: Vec<Arc<str>>,
    numbers: FxHashMap<Arc<str>, u32>,
    current: u32,
}

impl Default for RouteNames {
    fn default() -> Self {
        let mut names = Self { names: vec!["".into()], numbers: FxHashMap::default(), current: 0 };
        names.current = names.number(OUTSIDE);
        names
    }
}

impl RouteNames {
    /// Number of the innermost location that was entered and not left.
    pub(crate) fn current(&self) -> u32 {
        self.current
    }

    /// Enters a location, and returns what [`RouteNames::leave`] wants. Its name is its `name`, or its patterns, or its
    /// hosts; with conditions alone it has the name of the location around it.
    pub(crate) fn enter<R>(&mut self, location: &LocationConfig<R>) -> u32 {
        let written = [&location.patterns, &location.hosts].into_iter().find(|list| !list.is_empty());
        let number = match (&location.name, written) {
            (Some(name), _) => self.number(name),
            (None, Some(list)) => self.number(&joined(list)),
            (None, None) => self.current,
        };
        std::mem::replace(&mut self.current, number)
    }

    /// Leaves a location.
    pub(crate) fn leave(&mut self, outside: u32) {
        self.current = outside;
    }

    /// All names, by their numbers.
    pub(crate) fn into_list(self) -> Box<[Arc<str>]> {
        self.names.into()
    }

    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let (name, number) = (Arc::<str>::from(name), self.names.len() as u32);
        self.names.push(Arc::clone(&name));
        self.numbers.insert(name, number);
        number
    }
}

fn joined(list: &[Match]) -> String {
    let mut name = String::new();
    for pattern in list {
        if !name.is_empty() {
            name.push_str(", ");
        }
        match pattern {
            Match::Text(text) => name.push_str(text),
            Match::Regexp(regexp) => {
                name.push('/');
                name.push_str(&regexp.source);
                name.push('/');
                let flags = [(regexp.multiline, 'm'), (regexp.ignore_case, 'i'), (regexp.extended, 'x')];
                name.extend(flags.into_iter().filter(|(set, _)| *set).map(|(_, flag)| flag));
            }
        }
    }
    if name.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|end| name.is_char_boundary(*end)).unwrap_or_default();
        name.truncate(end);
        name.push('…');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Regexp;

    fn location(patterns: &[&str], hosts: &[&str], name: Option<&str>) -> LocationConfig<()> {
        let list = |texts: &[&str]| texts.iter().map(|text| Match::from(*text)).collect();
        let name = name.map(str::to_owned);
        LocationConfig { patterns: list(patterns), hosts: list(hosts), name, ..LocationConfig::default() }
    }

    #[test]
    fn a_location_is_named_by_its_name_its_patterns_its_hosts_or_what_is_around_it() {
        let mut names = RouteNames::default();
        let mut numbers = vec![names.current()];
        let mut outsides = Vec::new();
        for location in [
            location(&[], &["a.example", "*.b.example"], None),
            location(&[], &[], None),
            location(&["/users/:id"], &["c.example"], None),
            location(&["/users/:id/*"], &[], Some("users")),
        ] {
            outsides.push(names.enter(&location));
            numbers.push(names.current());
        }
        let again = names.enter(&location(&["/users/:id"], &[], None));
        assert_eq!((again, names.current()), (numbers[4], numbers[3]), "one name has one number");
        for outside in outsides.into_iter().rev() {
            names.leave(outside);
        }
        assert_eq!(names.current(), numbers[0]);
        let list = names.into_list();
        let named: Vec<_> = numbers.iter().map(|number| &*list[*number as usize]).collect();
        assert_eq!(named, ["/*", "a.example, *.b.example", "a.example, *.b.example", "/users/:id", "users"]);
        assert_eq!((&*list[0], list.len()), ("", 5));
    }

    #[test]
    fn regular_expressions_are_shown_and_long_names_are_cut() {
        let source = r"\A/v\d+/".to_owned();
        let regexp = Match::Regexp(Regexp { source, ignore_case: true, ..Regexp::default() });
        assert_eq!(joined(&[regexp, "/a".into()]), r"/\A/v\d+//i, /a");
        let long = joined(&["/".into(), "ä".repeat(300).as_str().into()]);
        assert!(long.len() <= LONGEST + '…'.len_utf8() && long.starts_with("/, ää") && long.ends_with('…'), "{long}");
    }
}
