//! Changes of an upstream's backends at run time, beside what its configuration says: pure data.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::address::{default_port, Address, Host};
use super::backend::BackendSettings;
use super::settings::Member;
use crate::config::BackendConfig;
use crate::runtime_state::{TunedState, UpstreamState, WrittenSettings};

/// What was changed at run time.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Changes {
    /// Rises with each change.
    pub(super) revision: u64,
    /// Backends beside those of the configuration.
    pub(super) added: Vec<AddedBackend>,
    /// Names of backends of the configuration that get nothing.
    pub(super) removed: BTreeSet<String>,
    /// Settings in place of those that were written, by the names of the backends.
    pub(super) tuned: BTreeMap<String, Tuning>,
}

/// A backend that was added at run time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AddedBackend {
    pub(super) config: BackendConfig,
    pub(super) member: Member,
}

/// Settings of one backend that were changed at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tuning {
    pub(super) weight: Option<u32>,
    /// `Some(None)`: any number.
    pub(super) max_connections: Option<Option<u32>>,
    /// What was written when they were changed. Once that differs, the written one holds.
    pub(super) written: (u32, Option<u32>),
}

/// What a reload makes of the changes, in words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reconciled {
    pub(super) kept: Vec<String>,
    pub(super) overridden: Vec<String>,
}

impl Member {
    /// The name of the backend: `10.0.0.1:3001`, `app.internal:80` or `unix:/run/app.sock`.
    pub(super) fn name(&self) -> String {
        name_of(&self.address, self.secure)
    }

    /// Whether a person calls it so: by its name, without the default port, or in another way to write its address.
    pub(super) fn is_called(&self, name: &str) -> bool {
        let own = self.name();
        let written = || match Address::parse(name) {
            Ok(address @ Address::Tcp { tls: Some(_), .. }) => name_of(&address, address.tls(false)),
            Ok(address) => name_of(&address, self.secure),
            Err(_) => String::new(),
        };
        own == name || !matches!(self.address, Address::Application(..)) && own == written()
    }

    /// The name by which a state that the operator wants of it is kept.
    pub(super) fn state_name(&self) -> String {
        match &self.address {
            Address::Tcp { host: host @ Host::Name(name), .. } if !host.is_localhost() => {
                match super::dns::is_service(name) {
                    true => super::dns::domain(name).to_owned(),
                    false => self.address.host_field(self.secure),
                }
            }
            _ => self.name(),
        }
    }

    /// Whether it is a DNS name, which stands for several addresses.
    pub(super) fn is_named(&self) -> bool {
        matches!(&self.address, Address::Tcp { host: host @ Host::Name(_), .. } if !host.is_localhost())
    }

    fn written(&self) -> (u32, Option<u32>) {
        (self.traits.weight, self.traits.max_connections)
    }

    /// Whether it is the other one but for settings that can be changed at run time, and for the way to write it.
    fn is_tuned(&self, other: &Self) -> bool {
        let BackendSettings { weight, max_connections, .. } = self.traits;
        let is_application = |member: &Self| matches!(member.address, Address::Application(..));
        self.name() == other.name()
            && self.secure == other.secure
            && self.traits == BackendSettings { weight, max_connections, ..other.traits }
            && is_application(self) == is_application(other)
    }
}

fn name_of(address: &Address, secure: bool) -> String {
    match address {
        Address::Unix(path) => format!("unix:{}", path.display()),
        Address::Application(_, name) => name.clone(),
        Address::Tcp { host, port, .. } => {
            format!("{}:{}", host.in_url(), port.unwrap_or_else(|| default_port(secure)))
        }
    }
}

impl Changes {
    /// The backends that there are with these changes.
    pub(super) fn applied(&self, base: &[Member]) -> Vec<Member> {
        let stays = base.iter().filter(|member| !self.removed.contains(&member.name()));
        let mut all: Vec<_> = stays.chain(self.added.iter().map(|added| &added.member)).cloned().collect();
        for member in &mut all {
            let Some(tuning) = self.tuned.get(&member.name()) else { continue };
            member.traits.weight = tuning.weight.unwrap_or(member.traits.weight);
            member.traits.max_connections = tuning.max_connections.unwrap_or(member.traits.max_connections);
        }
        all
    }

    /// Sets weight and limit of a backend that was written as `member`. What was written needs no note.
    pub(super) fn tune(&mut self, member: &Member, weight: Option<u32>, most: Option<Option<u32>>) {
        let written = member.written();
        let tuning = self.tuned.entry(member.name()).or_default();
        tuning.written = written;
        tuning.weight = weight.or(tuning.weight).filter(|weight| *weight != written.0);
        tuning.max_connections = most.or(tuning.max_connections).filter(|most| *most != written.1);
        if tuning.weight.is_none() && tuning.max_connections.is_none() {
            self.tuned.remove(&member.name());
        }
    }

    /// Adds a backend that is not there. One that is written and was removed comes back with the settings that it has
    /// now; it stands beside what is written, as one that was added, only if no change of settings says the same.
    pub(super) fn add(&mut self, base: &[Member], added: AddedBackend) {
        let name = added.member.name();
        match base.iter().find(|member| member.name() == name) {
            Some(written) if added.member.is_tuned(written) => {
                self.removed.remove(&name);
                let (weight, most) = added.member.written();
                self.tune(written, Some(weight), Some(most));
            }
            _ => self.added.push(added),
        }
    }

    /// Forgets that an added backend is there, since it cannot be any more: the written one in whose place it was comes
    /// back.
    pub(super) fn give_back(&mut self, base: &[Member], name: &str) {
        for written in base.iter().filter(|member| member.is_called(name)) {
            self.removed.remove(&written.name());
        }
    }

    /// Adapts the changes to another list of written backends: what is written otherwise now wins.
    pub(super) fn reconcile(&mut self, base: &[Member]) -> Reconciled {
        let mut told = Reconciled::default();
        let written: BTreeMap<_, _> = base.iter().map(|member| (member.name(), member.written())).collect();
        let Self { tuned, removed, .. } = self;
        self.added.retain(|added| {
            let name = added.member.name();
            // One in the place of a written one that was removed stays there: without it nothing would have that name.
            let stays = !written.contains_key(&name) || removed.contains(&name);
            if !stays {
                tuned.remove(&name);
            }
            if stays {
                told.kept.push(format!("{name} added"));
            } else {
                told.overridden.push(format!("{name} was added and is written now"));
            }
            stays
        });
        self.removed.retain(|name| {
            let stays = written.contains_key(name);
            if stays {
                told.kept.push(format!("{name} removed"));
            } else {
                told.overridden.push(format!("{name} was removed and is no longer written"));
            }
            stays
        });
        let added: BTreeMap<_, _> = self.added.iter().map(|it| (it.member.name(), it.member.written())).collect();
        self.tuned.retain(|name, tuning| {
            let Some(now) = added.get(name).or(written.get(name)) else {
                told.overridden.push(format!("{name} is gone"));
                return false;
            };
            if now.0 != tuning.written.0 && tuning.weight.take().is_some() {
                told.overridden.push(format!("{name} has the weight {} that is written now", now.0));
            }
            if now.1 != tuning.written.1 && tuning.max_connections.take().is_some() {
                let most = now.1.map_or("none".to_owned(), |most| most.to_string());
                told.overridden.push(format!("{name} has the max_connections {most} that are written now"));
            }
            tuning.written = *now;
            let mut text = name.clone();
            if let Some(weight) = tuning.weight {
                let _ = write!(text, " weight {weight}");
            }
            if let Some(most) = tuning.max_connections {
                let _ = write!(text, " max_connections {}", most.map_or("none".to_owned(), |most| most.to_string()));
            }
            let stays = tuning.weight.is_some() || tuning.max_connections.is_some();
            if stays {
                told.kept.push(text);
            }
            stays
        });
        told
    }

    /// Forgets what concerns single backends.
    pub(super) fn forget_backends(&mut self) {
        *self = Self { revision: self.revision, ..Self::default() };
    }

    /// Adds what is to outlive the process.
    pub(super) fn write_to(&self, state: &mut UpstreamState) {
        state.revision = self.revision;
        state.added = self.added.iter().map(|added| added.config.clone()).collect();
        state.removed = self.removed.iter().cloned().collect();
        let tuned = |tuning: &Tuning| TunedState {
            weight: tuning.weight,
            max_connections: tuning.max_connections.map(Option::unwrap_or_default),
            written: WrittenSettings { weight: tuning.written.0, max_connections: tuning.written.1 },
        };
        state.tuned = self.tuned.iter().map(|(name, tuning)| (name.clone(), tuned(tuning))).collect();
    }

    /// Reads what another process has left, but for the backends that it had added.
    pub(super) fn read_from(&mut self, state: &UpstreamState) {
        self.revision = state.revision;
        self.removed = state.removed.iter().cloned().collect();
        let any = |most: u32| Some(most).filter(|most| *most > 0);
        let tuning = |state: &TunedState| Tuning {
            weight: state.weight.filter(|weight| (1..=65_535).contains(weight)),
            max_connections: state.max_connections.map(any),
            written: (state.written.weight, state.written.max_connections),
        };
        self.tuned = state.tuned.iter().map(|(name, state)| (name.clone(), tuning(state))).collect();
    }
}

#[cfg(test)]
mod tests;
