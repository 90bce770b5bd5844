//! The zones of a configuration, by name. A reload keeps those whose names stay.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::tier::{self, DiskTier, TierLimits};
use super::zone::{Zone, ZoneLimits, DEFAULT_ZONE};
use crate::compile::{Purpose, Report};
use crate::config::{At, Problem};
use crate::log::Log;

/// Smallest memory of a zone, in bytes.
const LEAST_MEMORY: i64 = 1024 * 1024;
/// Largest memory of a zone, in bytes: a terabyte.
const MOST_MEMORY: i64 = 1 << 40;

/// Memory of a zone that does not say how much, in bytes.
const USUAL_MEMORY: i64 = 64 * 1024 * 1024;
/// Largest body in a zone that does not say how large, in bytes.
const USUAL_OBJECT: i64 = 1024 * 1024;
/// Smallest size of a disk tier, in bytes.
const LEAST_DISK: i64 = 1024 * 1024;
/// Largest size of a disk tier, in bytes: a petabyte.
const MOST_DISK: i64 = 1 << 50;
/// Largest body on a disk that does not say how large, in bytes.
const USUAL_DISK_OBJECT: i64 = 100 * 1024 * 1024;

/// A zone as it was written: `cache "pages", memory: 64_000_000`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WrittenZone<'a> {
    /// Name that a `cache` in a location refers to. `None`: that of a `cache` without a name.
    pub(crate) name: Option<&'a str>,
    /// Bytes that stored responses take at most.
    pub(crate) memory: Option<i64>,
    /// Bytes of the largest body that is stored.
    pub(crate) max_object: Option<i64>,
    pub(crate) disk: Option<WrittenTier<'a>>,
    pub(crate) at: Option<&'a At>,
}

/// `disk: { path: "tmp/cache/proxy", size: 1_000_000_000 }`
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WrittenTier<'a> {
    /// Path of the folder.
    pub(crate) path: Option<&'a str>,
    /// Bytes that the files take at most.
    pub(crate) size: Option<i64>,
    /// Bytes of the largest body.
    pub(crate) max_object: Option<i64>,
}

/// A zone of a configuration.
#[derive(Debug)]
struct ConfiguredZone {
    zone: Arc<Zone>,
    limits: ZoneLimits,
    disk: Option<(Arc<DiskTier>, TierLimits)>,
}

/// All zones.
#[derive(Debug, Default)]
pub(crate) struct Zones(BTreeMap<Box<str>, ConfiguredZone>);

impl Zones {
    /// Makes the zones of a configuration, or takes those of `before`. They get their limits once the configuration
    /// takes effect.
    pub(crate) fn compile<'a>(
        before: Option<&Self>,
        written: impl Iterator<Item = WrittenZone<'a>>,
        purpose: Purpose,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut zones = Self::default();
        let mut folders: Vec<(PathBuf, &str)> = Vec::new();
        for zone in written {
            let mut report = Report::new("cache", zone.at, problems);
            let name = zone.name.unwrap_or(DEFAULT_ZONE);
            if name.is_empty() || name.len() > 200 || name.chars().any(char::is_control) {
                report.error(format!("{name:?} is no name: write one of 1 to 200 bytes, such as \"pages\""));
                zones.add_spoiled(name);
                continue;
            }
            let memory = zone.memory.unwrap_or(USUAL_MEMORY);
            let memory = report.within("memory").count(memory, LEAST_MEMORY..=MOST_MEMORY) as u64;
            let usual = USUAL_OBJECT.min(memory as i64 / 4);
            let max_object =
                report.within("max_object").count(zone.max_object.unwrap_or(usual), 1..=MOST_MEMORY) as u64;
            if !report.is_sound() {
                zones.add_spoiled(name);
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
                zones.add_spoiled(name);
                continue;
            }
            let disk = zone.disk.and_then(|disk| disk.compile(name, &mut folders, &mut report.within("disk")));
            let disk = match (disk, purpose) {
                (Some((path, limits)), Purpose::Start) => open(before, &path, limits, &mut report),
                _ => None,
            };
            zones.add(before, name, ZoneLimits { memory, max_object }, disk);
        }
        zones.add_default(before);
        zones
    }

    /// Adds a zone that was written with a mistake, for those who use it: they are not to be reported as well.
    fn add_spoiled(&mut self, name: &str) {
        if !self.0.contains_key(name) {
            self.add(None, name, ZoneLimits { memory: USUAL_MEMORY as u64, max_object: USUAL_OBJECT as u64 }, None);
        }
    }

    /// Adds the zone of a `cache` without a name, which need not be written. It takes no memory until it is used.
    fn add_default(&mut self, before: Option<&Self>) {
        if !self.0.contains_key(DEFAULT_ZONE) {
            let limits = ZoneLimits { memory: USUAL_MEMORY as u64, max_object: USUAL_OBJECT as u64 };
            self.add(before, DEFAULT_ZONE, limits, None);
        }
    }

    fn add(
        &mut self,
        before: Option<&Self>,
        name: &str,
        limits: ZoneLimits,
        disk: Option<(Arc<DiskTier>, TierLimits)>,
    ) {
        let kept = before.and_then(|before| before.0.get(name)).map(|known| Arc::clone(&known.zone));
        let zone = kept.unwrap_or_else(|| Zone::new(name, limits));
        self.0.insert(name.into(), ConfiguredZone { zone, limits, disk });
    }

    /// The zone with this name.
    pub(crate) fn of_name(&self, name: Option<&str>) -> Option<&Arc<Zone>> {
        self.0.get(name.unwrap_or(DEFAULT_ZONE)).map(|known| &known.zone)
    }

    /// The names, for messages.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|name| &**name)
    }

    /// All zones.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Zone>> {
        self.0.values().map(|known| &known.zone)
    }

    /// Gives the zones their limits and their disks, once the configuration takes effect.
    pub(crate) fn start(&self, log: &Arc<Log>) {
        for ConfiguredZone { zone, limits, disk } in self.0.values() {
            zone.limit(*limits);
            if let Some((disk, limits)) = disk {
                disk.start(*limits, log);
            }
            zone.use_disk(disk.as_ref().map(|(disk, _)| Arc::clone(disk)));
        }
    }

    /// Waits until the disks have all that was stored so far, at most for `patience` each.
    pub(crate) fn rest(&self, patience: Duration) {
        self.0.values().filter_map(|known| known.disk.as_ref()).for_each(|(disk, _)| disk.rest(patience));
    }
}

impl WrittenTier<'_> {
    /// Checks it. `folders` are those of the zones before.
    fn compile<'z>(
        &self,
        name: &'z str,
        folders: &mut Vec<(PathBuf, &'z str)>,
        report: &mut Report<'_>,
    ) -> Option<(PathBuf, TierLimits)> {
        let size = match self.size {
            Some(size) => report.within("size").count(size, LEAST_DISK..=MOST_DISK),
            None => {
                report.error("`size` is missing: write size: 1_000_000_000");
                LEAST_DISK
            }
        };
        let usual = USUAL_DISK_OBJECT.min(size / 4);
        let max_object = report.within("max_object").count(self.max_object.unwrap_or(usual), 1..=MOST_DISK);
        if max_object > size / 4 {
            let most = size / 4;
            report
                .within("max_object")
                .error(format!("{max_object} is more than a quarter of size: write at most {most}, or a larger size"));
        }
        let Some(path) = self.path.map(Path::new) else {
            report.error("`path` is missing: write path: \"tmp/cache/proxy\"");
            return None;
        };
        let mut report = report.within("path");
        let shown = path.display();
        if !path.is_absolute() {
            report.error(format!("{shown} is not absolute: write the whole path"));
            return None;
        }
        let real = tier::settled(path);
        for (other, of) in folders.iter() {
            if *other == real {
                report.error(format!("the cache {of:?} has {shown} already: give each a folder of its own"));
            } else if other.starts_with(&real) || real.starts_with(other) {
                report.error(format!(
                    "{shown} and {}, the folder of the cache {of:?}, are one inside of the other: write another path",
                    other.display()
                ));
            }
        }
        folders.push((real.clone(), name));
        if let Some(error) = tier::trouble(path) {
            report.error(cannot(path, &error));
        }
        let limits = TierLimits { size: size as u64, max_object: max_object as u64 };
        report.is_sound().then_some((real, limits))
    }
}

/// The tier in a folder: that of an earlier configuration, if it has one there.
fn open(
    before: Option<&Zones>,
    path: &Path,
    limits: TierLimits,
    report: &mut Report<'_>,
) -> Option<(Arc<DiskTier>, TierLimits)> {
    let known = before.into_iter().flat_map(|before| before.0.values()).filter_map(|known| known.disk.as_ref());
    if let Some((known, _)) = known.into_iter().find(|(disk, _)| disk.path() == path) {
        return Some((Arc::clone(known), limits));
    }
    match DiskTier::open(path, limits) {
        Ok(disk) => Some((disk, limits)),
        Err(error) => {
            report.within("disk").within("path").error(cannot(path, &error));
            None
        }
    }
}

fn cannot(path: &Path, error: &std::io::Error) -> String {
    format!(
        "files cannot be kept in {} ({error}): write the path of a folder that the user of the proxy may write to",
        path.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(before: Option<&Zones>, written: &[WrittenZone<'_>]) -> (Zones, Vec<String>) {
        let mut problems = Vec::new();
        let zones = Zones::compile(before, written.iter().copied(), Purpose::Start, &mut problems);
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
        second.start(&Log::new(crate::log::Level::Error));
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
