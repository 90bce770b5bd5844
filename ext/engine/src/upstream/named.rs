//! Upstreams that have a name.

use std::collections::HashSet;
use std::sync::Arc;

use super::carry_over::{CarriedUpstreams, UpstreamCarryOver};
use super::{compile, Upstream};
use crate::compile::{LocationPath, Report};
use crate::config::{self, At, Code, Problem};
use crate::suggestion::did_you_mean;

/// The `upstream` directives of a configuration. One is compiled when it is first used, for that says whether its
/// backends without a scheme speak TLS; all that use it then get the same.
#[derive(Debug, Default)]
pub(crate) struct Upstreams {
    entries: Vec<NamedEntry>,
    /// Names that are taken, in lower case.
    taken: HashSet<String>,
    /// Makes the upstreams.
    pub(super) carry_over: UpstreamCarryOver,
}

#[derive(Debug)]
struct NamedEntry {
    spec: config::UpstreamConfig,
    used: Option<Used>,
}

#[derive(Debug)]
struct Used {
    tls: bool,
    at: Option<At>,
    upstream: Option<Arc<Upstream>>,
}

/// What the host of a target names.
#[derive(Debug)]
pub(crate) enum NamedUpstream {
    /// No upstream: it is a host like any other.
    Nothing,
    /// One that is wrong, or is used in a wrong way. What is wrong has been reported.
    Wrong,
    /// This one.
    Upstream(Arc<Upstream>),
}

impl Upstreams {
    /// Checks their names.
    #[cfg(test)]
    pub(crate) fn new(specs: &[config::UpstreamConfig], problems: &mut Vec<Problem>) -> Self {
        Self::compile(UpstreamCarryOver::default(), specs, problems)
    }

    /// Checks their names. Upstreams are carried over by `carry_over` once they are used.
    pub(crate) fn compile(
        carry_over: UpstreamCarryOver,
        specs: &[config::UpstreamConfig],
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut upstreams = Self { carry_over, ..Self::default() };
        for spec in specs {
            let mut report = Report::new("upstream", spec.at.as_ref(), problems);
            let odd = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
            if spec.name.is_empty() || spec.name.contains(odd) {
                report.error(format!(
                    "{:?} is not a valid name: write letters, digits, \"_\", \"-\" and \".\"",
                    spec.name
                ));
            } else if let Some(index) = upstreams.index(&spec.name) {
                let first = place(upstreams.entries[index].spec.at.as_ref());
                report.error(format!("{:?} is the name of the upstream {first}: write another", spec.name));
                // Its options are checked too, so that every mistake is reported at once.
                compile::shared(spec, false, &mut UpstreamCarryOver::default(), problems);
                continue;
            }
            upstreams.taken.insert(spec.name.to_ascii_lowercase());
            upstreams.entries.push(NamedEntry { spec: spec.clone(), used: None });
        }
        upstreams
    }

    /// The upstream that the authority of a target names, for the directive of `report`, which speaks TLS to it or does
    /// not unless its backends say otherwise. Letter case does not matter.
    pub(crate) fn named(&mut self, authority: &str, tls: bool, report: &mut Report<'_>) -> NamedUpstream {
        let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
        let Some(index) = self.index(host) else { return NamedUpstream::Nothing };
        let (entry, carry_over) = (&mut self.entries[index], &mut self.carry_over);
        let at = report.at();
        if let Some(port) = port {
            report.within("to").error(format!(
                "{host:?} is an upstream, whose backends have ports of their own: leave out \":{port}\""
            ));
            return NamedUpstream::Wrong;
        }
        if let Some(used) =
            entry.used.as_ref().filter(|used| used.tls != tls && compile::depends_on_scheme(&entry.spec))
        {
            let [other, ours] = [used.tls, tls].map(|tls| if tls { "https" } else { "http" });
            let first = place(used.at.as_ref());
            report.within("to").error(format!(
                "the scheme is {ours} here and {other} {first}, so it is unclear how to speak to the backends of the \
                 upstream {host:?}: write \"https://\" or \"http://\" before each of them"
            ));
            return NamedUpstream::Wrong;
        }
        let used = entry.used.get_or_insert_with(|| {
            let upstream = compile::shared(&entry.spec, tls, carry_over, report.problems());
            Used { tls, at: at.cloned(), upstream }
        });
        used.upstream.clone().map_or(NamedUpstream::Wrong, NamedUpstream::Upstream)
    }

    /// The upstream with this name, for the directive of `report`. Backends without a scheme speak no TLS there. `None`
    /// if there is none, or if it is wrong.
    pub(crate) fn of_name(&mut self, name: &str, report: &mut Report<'_>) -> Option<Arc<Upstream>> {
        if self.index(name).is_none() {
            let names: Vec<_> = self.entries.iter().map(|entry| entry.spec.name.as_str()).collect();
            report.error(match names[..] {
                [] => format!("{name:?} is no upstream: write upstream {name:?}, backends: [\"HOST:PORT\"] above"),
                _ => format!("{name:?} is no upstream {}", did_you_mean(name, &names)),
            });
            return None;
        }
        match self.named(name, false, report) {
            NamedUpstream::Upstream(upstream) => Some(upstream),
            NamedUpstream::Nothing | NamedUpstream::Wrong => None,
        }
    }

    /// The directive that is compiled next stands there.
    pub(crate) fn enter(&mut self, place: &LocationPath, prefix: Option<&String>) {
        self.carry_over.enter(place, prefix);
    }

    /// A name for an upstream that has none of its own: `wanted`, or something like it if that is taken.
    pub(super) fn name(&mut self, wanted: String) -> String {
        let mut name = wanted;
        // Backends are named UPSTREAM/BACKEND.
        name = name.replace('/', "-");
        let mut number = 1;
        let mut unique = name.clone();
        while !self.taken.insert(unique.to_ascii_lowercase()) {
            number += 1;
            unique = format!("{name}#{number}");
        }
        unique
    }

    /// All upstreams that were made, with and without a name, for the next configuration.
    pub(crate) fn take_carried(&mut self) -> CarriedUpstreams {
        self.carry_over.take_carried()
    }

    /// All that are used, in the order of the file. Those that are not are checked too, and warned of.
    pub(crate) fn finish(self, problems: &mut Vec<Problem>) -> Vec<Arc<Upstream>> {
        let sound = config::are_sound(problems);
        let mut used = Vec::with_capacity(self.entries.len());
        for entry in self.entries {
            match entry.used {
                Some(entry) => used.extend(entry.upstream),
                None => {
                    compile::shared(&entry.spec, false, &mut UpstreamCarryOver::default(), problems);
                    // A mistake elsewhere may be why it seems to be unused.
                    if sound {
                        let name = &entry.spec.name;
                        let mut report = Report::new("upstream", entry.spec.at.as_ref(), problems);
                        report.warning_of(
                            Code::Unused,
                            format!(
                            "{name:?} is not used by any proxy: write proxy to: \"http://{name}{{path}}{{query}}\", or \
                             leave it out"
                        ),
                        );
                    }
                }
            }
        }
        used
    }

    fn index(&self, name: &str) -> Option<usize> {
        self.entries.iter().position(|entry| entry.spec.name.eq_ignore_ascii_case(name))
    }
}

fn place(at: Option<&At>) -> String {
    at.map_or_else(|| "elsewhere".to_owned(), |at| format!("at {}:{}", at.file, at.line))
}

#[cfg(test)]
mod tests;
