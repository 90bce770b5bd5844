//! The steps of a deploy at one upstream: new backends that get nothing yet, their checks, and the change to them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};
use tokio::time::{sleep, Instant};

use super::backend::configured::ConfiguredBackend;
use super::backend::{Admin, Backend};
use super::dns::Dns;
use super::health::ask::{ask, CheckFailure};
use super::health::Check;
use super::listing::Listing;
use super::refresh::FollowedName;
use super::settings::Member;
use super::steering::Unsteerable;
use super::Upstream;
use crate::compile::Report;
use crate::config::{are_sound, BackendConfig, HealthCheck};
use crate::log::Log;

/// Time between two checks of a new backend.
const PAUSE: Duration = Duration::from_millis(200);
/// Path that is asked for where nothing else says one: that of Rails.
const USUAL_PATH: &str = "/up";
/// Longest time of a deploy, in seconds.
const LONGEST: f64 = 86_400.0;

/// New backends in place of those of an upstream.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeployConfig {
    /// The new backends, as in `backends`. One without options gets those of the first backend that it replaces.
    #[serde(deserialize_with = "entries")]
    pub to: Vec<BackendConfig>,
    /// Path that a new backend is checked by. `None`: the `health_check` of the upstream, or `/up`.
    pub health: Option<String>,
    /// Successful checks in a row after which a new backend is ready. `None`: as the `health_check` says, or 2.
    pub rise: Option<i64>,
    /// Seconds until every new backend must be ready.
    pub timeout: f64,
    /// Seconds that requests in flight at the old ones may take.
    pub drain: f64,
    /// Seconds that tunnels, such as WebSockets, may take. `None`: as `drain`.
    pub tunnels: Option<f64>,
}

impl Default for DeployConfig {
    fn default() -> Self {
        Self { to: Vec::new(), health: None, rise: None, timeout: 30.0, drain: 30.0, tunnels: None }
    }
}

/// One entry as it is written in JSON.
#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenEntry {
    Address(String),
    Whole(BackendConfig),
}

fn entries<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<BackendConfig>, D::Error> {
    let entries = Vec::<WrittenEntry>::deserialize(deserializer)?;
    let read = |entry| match entry {
        WrittenEntry::Address(address) => BackendConfig::at(address),
        WrittenEntry::Whole(backend) => backend,
    };
    Ok(entries.into_iter().map(read).collect())
}

/// A deploy without mistakes.
#[derive(Debug)]
pub(crate) struct DeployPlan {
    pub(crate) timeout: Duration,
    pub(crate) drain: Duration,
    pub(crate) tunnels: Duration,
    check: Check,
    /// Path of the check, for people. Empty if it asks for none.
    path: String,
    /// Names of the backends that are replaced.
    pub(crate) old: BTreeSet<String>,
    pub(crate) new: Vec<Candidate>,
}

/// A backend that is to come.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) name: String,
    config: BackendConfig,
    entry: ConfiguredBackend,
    /// Whether it is one of the old ones, which stays.
    is_kept: bool,
}

/// What a check of a new backend has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    /// So many checks in a row have passed, of so many.
    Passed(u32, u32),
    /// It failed, and why: a whole sentence with the backend's name.
    Failed(String),
}

impl DeployPlan {
    /// A backend that got its first good check would have more to prove.
    fn rise(&self) -> u32 {
        self.check.rules.rise
    }
}

impl Upstream {
    /// Checks a deploy, and makes the new backends. Nothing changes yet.
    pub(crate) fn plan(&self, deploy: &DeployConfig) -> Result<DeployPlan, Unsteerable> {
        let mut mistakes = Vec::new();
        let mut seconds = |name: &str, value: f64, least: f64| {
            if !(least..=LONGEST).contains(&value) {
                mistakes.push(format!("{name}: {value} is out of range: write a number of seconds, such as 30"));
                return Duration::ZERO;
            }
            Duration::from_secs_f64(value)
        };
        let timeout = seconds("timeout", deploy.timeout, 0.001);
        let drain = seconds("drain", deploy.drain, 0.0);
        let tunnels = seconds("tunnels", deploy.tunnels.unwrap_or(deploy.drain), 0.0);
        if deploy.to.is_empty() {
            mistakes.push("to: there is no new backend: write an address, such as \"127.0.0.1:3001\"".into());
        }
        let (check, path) = self.check_of(deploy, &mut mistakes);
        if !mistakes.is_empty() {
            return Err(Unsteerable::Mistakes(mistakes));
        }
        let mut listing = self.listing.lock();
        let mut kept = Vec::with_capacity(deploy.to.len());
        for backend in &deploy.to {
            kept.push(self.kept(&mut listing, backend)?);
        }
        let stays = |member: &Member| kept.iter().flatten().any(|candidate| candidate.name == member.name());
        // A backup is something else, such as a page that says sorry.
        let (staying, old): (Vec<_>, Vec<_>) =
            listing.members.iter().filter(|member| !member.traits.backup).cloned().partition(stays);
        let model = old.first().or(staying.first()).map(Member::name).unwrap_or_default();
        let model = listing.untuned(&model).cloned();
        let mut new: Vec<Candidate> = Vec::with_capacity(deploy.to.len());
        let twice =
            |name: &str| Unsteerable::Mistakes(vec![format!("to: {name} is written twice: leave one of them out")]);
        for (backend, kept) in deploy.to.iter().zip(kept) {
            if let Some(candidate) = kept {
                if new.iter().any(|other| other.name == candidate.name) {
                    return Err(twice(&candidate.name));
                }
                new.push(candidate);
                continue;
            }
            let mut config = backend.clone();
            if let Some(model) = model.as_ref().filter(|_| config == BackendConfig::at(&config.address)) {
                config.weight = model.traits.weight.into();
                config.max_connections = model.traits.max_connections.map(i64::from);
                config.max_tunnels = model.traits.max_tunnels.map(i64::from);
                config.slow_start = model.traits.slow_start.map(|time| time.as_secs_f64());
            }
            let added = self.addition(&mut listing, &config)?;
            let name = added.member.name();
            if new.iter().any(|other| other.name == name) {
                return Err(twice(&name));
            }
            let entry = listing.entry(&added.member, &self.fingerprint, &self.group);
            new.push(Candidate { name, config, entry, is_kept: false });
        }
        drop(listing);
        let old = old.into_iter().map(|member| member.name()).collect();
        let plan = DeployPlan { timeout, drain, tunnels, check, path, old, new };
        self.show_candidates(&plan.new);
        Ok(plan)
    }

    /// The backend that is there already, as it stays: with its settings, connections and figures. `None`: it is a new
    /// one.
    fn kept(&self, listing: &mut Listing, config: &BackendConfig) -> Result<Option<Candidate>, Unsteerable> {
        let written = std::slice::from_ref(config);
        let members = listing.compiled(&self.fingerprint, written).map_err(Unsteerable::Mistakes)?;
        let Some(name) = members.first().map(Member::name) else { return Ok(None) };
        let Some(place) = listing.members.iter().position(|member| member.name() == name) else { return Ok(None) };
        let upstream = self.name();
        if listing.members[place].traits.backup {
            return Err(Unsteerable::Conflict(format!("{name} is a backup of {upstream}: remove it first")));
        }
        if *config != BackendConfig::at(&config.address) {
            return Err(Unsteerable::Conflict(format!(
                "{name} is a backend of {upstream} already: write its address alone, and change its options by \
                 themselves"
            )));
        }
        let entry = listing.entries[place].clone();
        Ok(Some(Candidate { name, config: config.clone(), entry, is_kept: true }))
    }

    /// The check of a deploy, and its path.
    fn check_of(&self, deploy: &DeployConfig, mistakes: &mut Vec<String>) -> (Check, String) {
        let own = self.fingerprint.pool.health_check.clone();
        let mut spec = own.unwrap_or_else(|| HealthCheck { path: USUAL_PATH.into(), ..HealthCheck::default() });
        if let Some(path) = &deploy.health {
            (spec.path, spec.tcp, spec.grpc) = (path.clone(), false, false);
        }
        spec.rise = deploy.rise.unwrap_or(spec.rise);
        let mut problems = Vec::new();
        let check = Check::compile(&spec, &mut Report::new("deploy", None, &mut problems));
        if !are_sound(&problems) {
            mistakes.extend(problems.into_iter().map(|problem| {
                problem.message.strip_prefix("path: ").map_or(problem.message.clone(), |rest| format!("health: {rest}"))
            }));
        }
        let path = if spec.tcp || spec.grpc { String::new() } else { spec.path };
        (check, path)
    }

    /// Shows the backends of a deploy that get nothing yet among the figures, as `down`.
    pub(crate) fn show_candidates(&self, candidates: &[Candidate]) {
        let coming = candidates.iter().filter(|candidate| !candidate.is_kept);
        let all: Vec<_> = coming.flat_map(|new| new.entry.backends()).cloned().collect();
        for backend in &all {
            backend.set_admin(Admin::Down);
        }
        self.listing.lock().candidates = all;
    }

    /// Puts new backends in the place of old ones in one step: a request finds those before or those after. The old
    /// ones that are still busy.
    pub(crate) fn switch(
        self: &Arc<Self>,
        old: &BTreeSet<String>,
        new: &[Candidate],
    ) -> Result<Vec<Arc<Backend>>, Unsteerable> {
        let is_there = |candidate: &&Candidate, member: &Member| candidate.name == member.name();
        // Old ones that stay, and those that a reload has brought meanwhile. They serve from now on, whatever state
        // they had: first, so that there is never none that serves.
        let listing = self.listing.lock();
        let there = listing.members.iter().filter(|member| new.iter().any(|candidate| is_there(&candidate, member)));
        let there: Vec<_> = there.cloned().collect();
        drop(listing);
        for member in &there {
            self.set_state(Some(&member.name()), Some(member), Admin::Ready);
        }
        let mut listing = self.listing.lock();
        let comes = |candidate: &&Candidate| !there.iter().any(|member| is_there(candidate, member));
        let mut added = Vec::with_capacity(new.len());
        for candidate in new.iter().filter(comes) {
            added.push(self.addition(&mut listing, &candidate.config)?);
        }
        let leaving: Vec<_> = listing
            .entries
            .iter()
            .zip(&listing.members)
            .filter(|(_, member)| old.contains(&member.name()))
            .flat_map(|(entry, _)| entry.backends())
            .cloned()
            .collect();
        for name in old {
            self.take_out(&mut listing, name);
        }
        for addition in added {
            self.group.prepare(&addition.member.state_name(), Admin::Ready);
            let Listing { changes, base, .. } = &mut *listing;
            changes.add(base, addition);
        }
        listing.candidates.clear();
        let coming = new.iter().filter(|candidate| !candidate.is_kept);
        let made: Vec<_> = coming.map(|candidate| candidate.entry.clone()).collect();
        made.iter().flat_map(ConfiguredBackend::backends).for_each(|backend| backend.vouch_for());
        listing.changes.revision += 1;
        self.relist(&mut listing, &made);
        let entries = listing.entries.iter().zip(&listing.members);
        let stayed = entries.filter(|(_, member)| there.iter().any(|stays| stays.name() == member.name()));
        stayed.flat_map(|(entry, _)| entry.backends()).for_each(|backend| backend.vouch_for());
        Ok(leaving)
    }
}

impl Candidate {
    /// Asks DNS for the addresses of a name. `Err`: why there are none.
    pub(crate) async fn resolve(&mut self, upstream: &Upstream, dns: &Arc<Dns>, log: &Arc<Log>) -> Result<(), String> {
        let ConfiguredBackend::Named { name, backends, answered } = &mut self.entry else { return Ok(()) };
        if self.is_kept && !backends.is_empty() {
            return Ok(());
        }
        let followed = FollowedName { number: 0, host: name.host.clone(), port: name.port, log: Arc::clone(log) };
        let (targets, _) = followed.targets(dns, &[]).await.map_err(|error| error.to_string())?;
        *backends = targets.iter().map(|target| (target.clone(), name.backend(target, upstream.group()))).collect();
        *answered = true;
        match backends.is_empty() {
            true => Err(format!("{} has no address", name.host)),
            false => Ok(()),
        }
    }

    /// Its addresses.
    pub(crate) fn backends(&self) -> Vec<Arc<Backend>> {
        self.entry.backends().cloned().collect()
    }
}

impl DeployPlan {
    /// Checks one new backend until it is ready, and tells `found` of each result that differs from the one before.
    /// `Err`: why it is not ready by `deadline`.
    pub(crate) async fn check(
        &self,
        backend: &Backend,
        deadline: Instant,
        mut found: impl FnMut(&Finding),
    ) -> Result<(), String> {
        let (mut row, mut last) = (0, None);
        loop {
            let finding = match tokio::time::timeout_at(deadline, ask(backend, &self.check)).await {
                Ok(Ok(())) => {
                    row += 1;
                    Finding::Passed(row, self.rise())
                }
                Ok(Err(failure)) => Finding::Failed(self.shown(backend, &failure)),
                // What was found before says more.
                Err(_) => Finding::Failed(match last {
                    Some(Finding::Failed(why)) => return Err(why),
                    _ => format!("{}: no whole answer in time", backend.label()),
                }),
            };
            if matches!(finding, Finding::Failed(_)) {
                row = 0;
            }
            if last.as_ref() != Some(&finding) {
                found(&finding);
            }
            if row >= self.rise() {
                return Ok(());
            }
            if Instant::now() + PAUSE >= deadline {
                return Err(match finding {
                    Finding::Failed(why) => why,
                    Finding::Passed(row, rise) => {
                        format!("{}: only {row} of {rise} checks have passed in time", backend.label())
                    }
                });
            }
            last = Some(finding);
            sleep(PAUSE).await;
        }
    }

    fn shown(&self, backend: &Backend, failure: &CheckFailure) -> String {
        let label = backend.label();
        match failure {
            CheckFailure::Status(status) => format!("{label} answered {status} to {}", self.path),
            CheckFailure::Unwell(why) | CheckFailure::NotAsked(why) => format!("{label}: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_backends_are_written_as_addresses_or_as_objects() {
        let deploy = serde_json::from_str::<DeployConfig>(
            r#"{"to": ["127.0.0.1:1", {"address": "127.0.0.1:2", "weight": 3}], "health": "/ok", "drain": 5}"#,
        )
        .expect("a deploy");
        let second = BackendConfig { weight: 3, ..BackendConfig::at("127.0.0.1:2") };
        let to = vec![BackendConfig::at("127.0.0.1:1"), second];
        assert_eq!(deploy, DeployConfig { to, health: Some("/ok".into()), drain: 5.0, ..DeployConfig::default() });
        assert!(serde_json::from_str::<DeployConfig>(r#"{"to": [], "other": 1}"#).is_err());
    }
}
