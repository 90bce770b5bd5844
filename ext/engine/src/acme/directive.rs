//! The `acme` directive, compiled.

use std::sync::Arc;

use super::check::{self, AcmeFacts};
use super::dns::DnsProvider;
use super::names::{WrittenCertificate, WrittenName};
use super::on_demand::OnDemand;
use super::order::Authority;
use super::schedule::{RenewalTime, WantedState};
use crate::blocks::BlockSet;
use crate::certificates::managed::ManagedCertificates;
use crate::compile::Report;
use crate::config::{AcmeConfig, Problem};
use crate::listen::binds::Binds;
use crate::storage::Storage;
use crate::upstream::Dns;

/// A compiled `acme` directive.
#[derive(Debug)]
pub(crate) struct Acme {
    pub(super) storage: Arc<Storage>,
    /// In the order in which they are asked.
    pub(super) authorities: Vec<Arc<Authority>>,
    /// Certificates of the written names.
    pub(super) wanted: Vec<WrittenCertificate>,
    pub(super) renew: RenewalTime,
    pub(super) on_demand: Option<OnDemand>,
    pub(super) cache: usize,
    /// What handshakes look into.
    pub(super) certificates: Arc<ManagedCertificates>,
}

/// The rest of a configuration, as far as its certificates depend on it.
pub(crate) struct AcmeSurroundings<'a> {
    pub(crate) names: &'a [WrittenName],
    pub(crate) binds: &'a Binds,
    pub(crate) dns: &'a Arc<Dns>,
    pub(crate) blocks: &'a BlockSet,
    pub(crate) certificates: &'a Arc<ManagedCertificates>,
}

impl Acme {
    /// Checks and compiles the directive. `None` if something is wrong.
    pub(crate) fn compile(
        config: &AcmeConfig,
        around: &AcmeSurroundings<'_>,
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        let report = &mut Report::new(check::DIRECTIVE, config.at.as_ref(), problems);
        let storage = Storage::compile(config.storage.as_ref(), around.blocks, report).map(Arc::new);
        let renew = renewal_time(config.renew, report);
        let cache = report.within("cache").count(config.cache, 1..=10_000_000) as usize;
        let is_wanted = |written: &&WrittenName| {
            !check::is_of_this_machine(&written.name) && around.binds.lacks_certificate_for(&written.name)
        };
        let lacking: Vec<_> = match around.binds.iter().any(|bind| bind.tls.is_some()) {
            true => around.names.iter().filter(is_wanted).cloned().collect(),
            false => Vec::new(),
        };
        let (written, wanted, storage_at) = (around.names, &lacking[..], storage.as_deref());
        AcmeFacts { config, written, wanted, binds: around.binds, storage: storage_at }.check(report);
        let certificates = Arc::clone(around.certificates);
        let wanted = super::names::certificates(&lacking);
        let on_demand = OnDemand::compile(config, around.blocks, report);
        let dns = config.dns.as_ref().and_then(|_| DnsProvider::compile(config, around.blocks, around.dns, report));
        let storage = storage?;
        let authorities = Authority::compile(config, &storage, dns.map(Arc::new).as_ref(), around.dns, report);
        let sound = report.is_sound();
        sound.then_some(Self { storage, authorities, wanted, renew: renew?, on_demand, cache, certificates })
    }

    /// Calls `with` with what is wanted of a certificate of these names.
    pub(super) fn with_wish<T>(&self, names: &[String], with: impl FnOnce(&WantedState<'_>) -> T) -> T {
        let authorities: Vec<_> = self.authorities.iter().map(|authority| authority.url()).collect();
        with(&WantedState { names, authorities: &authorities, renew: self.renew })
    }
}

/// Reads `renew`.
fn renewal_time(written: Option<f64>, report: &mut Report<'_>) -> Option<RenewalTime> {
    match written {
        None => Some(RenewalTime::Suggested),
        Some(fraction) if fraction > 0.0 && fraction < 1.0 => Some(RenewalTime::Fraction(fraction)),
        Some(seconds) => {
            let mut report = report.within("renew");
            let time = report.seconds(seconds);
            report.is_sound().then_some(RenewalTime::Before(time))
        }
    }
}
