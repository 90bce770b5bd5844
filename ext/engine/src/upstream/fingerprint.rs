//! What an upstream is made from: a reload keeps one whose fingerprint stays.

use rustls::pki_types::ServerName;

use super::backend::Forgotten;
use super::settings::Member;
use crate::config::PoolConfig;

/// All that an upstream is made of. It is carried over as a whole if its fingerprint stays equal.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Fingerprint {
    pub(super) shared: bool,
    pub(super) members: Vec<Member>,
    pub(super) server_name: Option<ServerName<'static>>,
    /// Whether TLS is set up.
    pub(super) tls: bool,
    /// Whether a backend without a scheme speaks TLS.
    pub(super) scheme_tls: bool,
    pub(super) pool: PoolConfig,
    /// Digests of the files that `pool` names.
    pub(super) files: Vec<Option<Vec<u8>>>,
    pub(super) resolver: Vec<String>,
}

impl Fingerprint {
    /// Whether connections to a backend are made in an equal way: each option of `upstream` says whether it is one of
    /// the connection.
    pub(super) fn connects_like(&self, other: &Self) -> bool {
        self.files == other.files && self.pool.connects_like(&other.pool)
    }

    /// Whether active checks are equal.
    pub(super) fn checks_like(&self, other: &Self) -> bool {
        self.pool.health_check == other.pool.health_check
    }

    /// Whether outliers are ejected.
    pub(super) fn counts_failures(&self) -> bool {
        self.pool.max_fails > 0
    }

    /// Whether the balancing policy is equal.
    pub(super) fn chooses_like(&self, other: &Self) -> bool {
        self.pool.backend_priority == other.pool.backend_priority
    }

    /// State of backends of `self` that does not hold under `next`.
    pub(super) fn forgotten(&self, next: &Self) -> Forgotten {
        Forgotten { checks: !self.checks_like(next), outliers: !next.counts_failures() }
    }
}
