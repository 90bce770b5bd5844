//! What the operator wants of the backends of a group.

use std::collections::HashMap;

use super::BackendGroup;
use crate::log::Level;
use crate::upstream::backend::{Admin, Backend};

/// States that the operator has set: `ready`, `draining` or `down`.
#[derive(Debug, Default)]
pub(super) struct AdminOverrides {
    /// For all backends, later ones included, …
    all: Admin,
    /// … and for single backends by name, so that an address that DNS takes away and gives again keeps its own.
    single: HashMap<Box<str>, Admin>,
}

impl Admin {
    /// The name that figures and commands use.
    pub(in crate::upstream) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, admin)| *admin == self).map_or("ready", |(name, _)| name)
    }
}

impl BackendGroup {
    /// Whether a backend has that name.
    pub(in crate::upstream) fn knows(&self, name: &str) -> bool {
        self.members.lock().living().any(|backend| backend.is_called(name))
    }

    /// Applies the override to a new member.
    pub(super) fn grant(&self, backend: &Backend) {
        let overrides = self.overrides.lock();
        let single = [backend.label(), backend.authority()].into_iter().filter(|name| backend.is_called(name));
        backend.set_admin(*single.filter_map(|name| overrides.single.get(name)).next().unwrap_or(&overrides.all));
    }

    /// What [`BackendGroup::set_admin`] understands: the upstream's name, and that of each backend behind it.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names = vec![self.name.to_string()];
        names.extend(self.members.lock().living().map(|backend| format!("{}/{}", self.name, backend.label())));
        names
    }

    /// Sets the state that the operator wants of one backend, `UPSTREAM/BACKEND`, or of all that there are and will
    /// be, `UPSTREAM`. `false` if that is neither. A DNS name as it was written stands for all its addresses, later
    /// ones included.
    pub(crate) fn set_admin(&self, target: &str, admin: Admin) -> bool {
        let name = match target.strip_prefix(&*self.name) {
            Some("") => None,
            Some(rest) => match rest.strip_prefix('/') {
                Some(name) => Some(name),
                None => return false,
            },
            None => return false,
        };
        let members = self.members.lock();
        let concerned: Vec<_> =
            members.living().filter(|backend| name.is_none_or(|name| backend.is_called(name))).collect();
        let mut overrides = self.overrides.lock();
        match name {
            Some(_) if concerned.is_empty() => return false,
            Some(name) => {
                for backend in &concerned {
                    overrides.single.remove(backend.label());
                }
                overrides.single.insert(name.into(), admin);
            }
            None => {
                overrides.all = admin;
                overrides.single.clear();
            }
        }
        let changed: Vec<_> = concerned.into_iter().filter(|backend| backend.set_admin(admin)).collect();
        drop(overrides);
        drop(members);
        for backend in changed {
            if admin == Admin::Ready {
                backend.rise();
            }
            self.note_state(Level::Info, &backend, format_args!("is {} now, as was asked for", backend.state()));
        }
        self.queue.wake();
        true
    }

    /// Sets the state of one backend that is about to come, by its name.
    pub(in crate::upstream) fn prepare(&self, name: &str, admin: Admin) {
        let mut overrides = self.overrides.lock();
        overrides.single.remove(name);
        if admin != overrides.all {
            overrides.single.insert(name.into(), admin);
        }
    }

    /// Forgets the state of one backend that is gone.
    pub(in crate::upstream) fn forget(&self, name: &str) {
        self.overrides.lock().single.remove(name);
    }

    /// The state of all backends, and those of single ones by name, in their order.
    pub(in crate::upstream) fn wanted(&self) -> (Admin, Vec<(String, Admin)>) {
        let overrides = self.overrides.lock();
        let mut single: Vec<_> = overrides.single.iter().map(|(name, admin)| (name.to_string(), *admin)).collect();
        single.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        (overrides.all, single)
    }

    /// Sets what another process has left.
    pub(in crate::upstream) fn restore(&self, all: Admin, single: impl IntoIterator<Item = (String, Admin)>) {
        let members = self.members.lock();
        let mut overrides = self.overrides.lock();
        overrides.all = all;
        overrides.single = single.into_iter().map(|(name, admin)| (name.into(), admin)).collect();
        drop(overrides);
        members.living().for_each(|backend| self.grant(&backend));
    }
}
