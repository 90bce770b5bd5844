//! The zones of a configuration, by name. A reload keeps those whose names stay.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::zone::{Zone, ZoneLimits, DEFAULT_ZONE};
use crate::compile::Report;
use crate::config::{At, Problem};

/// Smallest memory of a zone, in bytes.
const LEAST_MEMORY: i64 = 1024 * 1024;
/// Largest memory of a zone, in bytes: a terabyte.
const MOST_MEMORY: i64 = 1 << 40;

/// Memory of a zone that does not say how much, in bytes.
const USUAL_MEMORY: i64 = 64 * 1024 * 1024;
/// Largest body in a zone that does not say how large, in bytes.
const USUAL_OBJECT: i64 = 1024 * 1024;

/// A zone as it was written: `cache "pages", memory: 64_000_000`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WrittenZone<'a> {
    /// Name that a `cache` in a location refers to. `None`: that of a `cache` without a name.
    pub(crate) name: Option<&'a str>,
    /// Bytes that stored responses take at most.
    pub(crate) memory: Option<i64>,
    /// Bytes of the largest body that is stored.
    pub(crate) max_object: Option<i64>,
    pub(crate) at: Option<&'a At>,
}

/// All zones.
#[derive(Debug, Default)]
pub(crate) struct Zones(BTreeMap<Box<str>, (Arc<Zone>, ZoneLimits)>);

impl Zones {
    /// Makes the zones of a configuration, or takes those of `before`. They get their limits once the configuration
    /// takes effect.
    pub(crate) fn compile<'a>(
        before: Option<&Self>,
        written: impl Iterator<Item = WrittenZone<'a>>,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut zones = Self::default();
        for zone in written {
            let mut report = Report::new("cache", zone.at, problems);
            let name = zone.name.unwrap_or(DEFAULT_ZONE);
            if name.is_empty() || name.len() > 200 || name.chars().any(char::is_control) {
                report.error(format!("{name:?} is no name: write one of 1 to 200 bytes, such as \"pages\""));
                continue;
            }
            let memory = zone.memory.unwrap_or(USUAL_MEMORY);
            let memory = report.within("memory").count(memory, LEAST_MEMORY..=MOST_MEMORY) as u64;
            let usual = USUAL_OBJECT.min(memory as i64 / 4);
            let max_object =
                report.within("max_object").count(zone.max_object.unwrap_or(usual), 1..=MOST_MEMORY) as u64;
            if !report.is_sound() {
                continue;
            }
            if zones.0.contains_key(name) {
                report.error(format!("there is already a cache {name:?}: give one of them another name"));
                continue;
            }
            if max_object > memory / 4 {
                report.within("max_object").error(format!(
                    "{max_object} is more than a quarter of memory: write at most {}, or more memory",
                    memory / 4
                ));
                continue;
            }
            zones.add(before, name, ZoneLimits { memory, max_object });
        }
        zones.add_default(before);
        zones
    }

    /// Adds the zone of a `cache` without a name, which need not be written. It takes no memory until it is used.
    fn add_default(&mut self, before: Option<&Self>) {
        if !self.0.contains_key(DEFAULT_ZONE) {
            let limits = ZoneLimits { memory: USUAL_MEMORY as u64, max_object: USUAL_OBJECT as u64 };
            self.add(before, DEFAULT_ZONE, limits);
        }
    }

    fn add(&mut self, before: Option<&Self>, name: &str, limits: ZoneLimits) {
        let kept = before.and_then(|before| before.0.get(name)).map(|(zone, _)| Arc::clone(zone));
        self.0.insert(name.into(), (kept.unwrap_or_else(|| Zone::new(name, limits)), limits));
    }

    /// The zone with this name.
    pub(crate) fn of_name(&self, name: Option<&str>) -> Option<&Arc<Zone>> {
        self.0.get(name.unwrap_or(DEFAULT_ZONE)).map(|(zone, _)| zone)
    }

    /// The names, for messages.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|name| &**name)
    }

    /// All zones.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Zone>> {
        self.0.values().map(|(zone, _)| zone)
    }

    /// Gives the zones their limits, once the configuration takes effect.
    pub(crate) fn start(&self) {
        self.0.values().for_each(|(zone, limits)| zone.limit(*limits));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(before: Option<&Zones>, written: &[WrittenZone<'_>]) -> (Zones, Vec<String>) {
        let mut problems = Vec::new();
        let zones = Zones::compile(before, written.iter().copied(), &mut problems);
        (zones, problems.into_iter().map(|problem| problem.message).collect())
    }

    fn named(name: &str, memory: i64) -> WrittenZone<'_> {
        WrittenZone { name: Some(name), memory: Some(memory), ..WrittenZone::default() }
    }

    #[test]
    fn a_zone_is_kept_by_its_name_and_gets_its_new_limits_when_they_take_effect() {
        let (first, problems) = compiled(None, &[named("pages", 8 << 20), named("other", 8 << 20)]);
        assert_eq!(problems, [""; 0]);
        let (second, _) = compiled(Some(&first), &[named("pages", 4 << 20)]);
        let of = |zones: &Zones, name: &str| zones.of_name(Some(name)).cloned();
        assert!(Arc::ptr_eq(&of(&first, "pages").expect("it"), &of(&second, "pages").expect("it")));
        assert!(of(&second, "other").is_none());
        assert!(second.of_name(None).is_some(), "one without a name is there");
        second.start();
        assert_eq!(second.names().collect::<Vec<_>>(), ["default", "pages"]);
    }

    #[test]
    fn mistakes_are_all_told() {
        let (_, problems) =
            compiled(None, &[named("a", 10), named("", 8 << 20), named("b", 8 << 20), named("b", 8 << 20)]);
        assert_eq!(problems.len(), 3, "{problems:?}");
        let wide = WrittenZone { max_object: Some(8 << 20), ..named("c", 8 << 20) };
        assert!(compiled(None, &[wide]).1[0].contains("quarter"));
    }
}
