//! TXT records that prove the control of a name: for dns-01 (RFC 8555, section 8.4) and dns-persist-01.

mod authority;
mod block;
mod command;
mod exchange;
pub(crate) mod persist;
mod propagation;
mod rfc2136;

use std::sync::Arc;
use std::time::Duration;

use hickory_proto::rr::Name;
use tokio::sync::Mutex;

use crate::blocks::BlockSet;
use crate::compile::Report;
use crate::config::{AcmeConfig, DnsProviderConfig};
use crate::upstream::dns::Dns;
use authority::Authorities;
use block::BlockProvider;
use command::CommandProvider;
use rfc2136::Rfc2136Provider;

/// What writes TXT records.
#[derive(Debug)]
pub(crate) struct DnsProvider {
    /// Called once at a time, so that what users write need not be safe for threads.
    writer: Mutex<DnsWriter>,
    authorities: Authorities,
    /// Time that a record may take to be seen. `None`: nobody looks.
    propagation: Option<Duration>,
}

#[derive(Debug)]
enum DnsWriter {
    Block(BlockProvider),
    Command(CommandProvider),
    Rfc2136(Rfc2136Provider),
}

impl DnsProvider {
    /// Time that one call of the provider may take.
    pub(crate) const LIMIT: Duration = Duration::from_secs(60);

    /// Reads `dns` and `propagation` of `acme`. `None` if no provider is written, or if it is wrong; `report`, which is
    /// about `acme`, then says what.
    pub(crate) fn compile(
        acme: &AcmeConfig,
        blocks: &BlockSet,
        dns: &Arc<Dns>,
        report: &mut Report<'_>,
    ) -> Option<Self> {
        let propagation = acme.propagation.map(|seconds| report.within("propagation").seconds(seconds));
        let mut report = report.within("dns");
        let writer = match acme.dns.as_ref()? {
            DnsProviderConfig::Block(index) => DnsWriter::Block(BlockProvider::new(*index, blocks, report.at())),
            DnsProviderConfig::Command(words) => DnsWriter::Command(CommandProvider::compile(words, &mut report)?),
            DnsProviderConfig::Rfc2136(config) => {
                DnsWriter::Rfc2136(Rfc2136Provider::compile(config, Arc::clone(dns), &mut report)?)
            }
        };
        let authorities = Authorities { dns: Arc::clone(dns), port: 53 };
        Some(Self { writer: Mutex::new(writer), authorities, propagation })
    }

    /// Adds a TXT record with this value at `name`, such as `_acme-challenge.example.com`, beside others of the same
    /// name. If `name` is an alias (CNAME), the record is added at its target. To add one that is there changes
    /// nothing.
    ///
    /// # Errors
    /// What went wrong, for a person, who is told the name by the caller.
    pub(crate) async fn add(&self, name: &str, value: &str) -> Result<(), String> {
        self.write("add", name, value).await
    }

    /// Removes the record with this value from where [`DnsProvider::add`] put it. Others of the same name stay.
    ///
    /// # Errors
    /// As with [`DnsProvider::add`].
    pub(crate) async fn remove(&self, name: &str, value: &str) -> Result<(), String> {
        self.write("remove", name, value).await
    }

    /// Waits until all servers of the zone answer with all these values, at most as long as `propagation`.
    ///
    /// # Errors
    /// Which server does not have which value, for a person.
    pub(crate) async fn wait_until_seen(&self, name: &str, values: &[String]) -> Result<(), String> {
        let Some(limit) = self.propagation else { return Ok(()) };
        propagation::wait(&self.authorities, &full_name(name)?, values, limit).await
    }

    async fn write(&self, op: &str, name: &str, value: &str) -> Result<(), String> {
        let asked = full_name(name)?;
        // Where DNS does not answer, as behind a firewall, the name is taken as it is.
        let place = self.authorities.texts(&asked).await.map_or_else(|_| asked.clone(), |found| found.place);
        let shown = place.to_ascii().trim_end_matches('.').to_lowercase();
        let writer = self.writer.lock().await;
        let written = match &*writer {
            DnsWriter::Block(block) => block.call(op, &shown, value, Self::LIMIT).await,
            DnsWriter::Command(command) => command.call(op, &shown, value, Self::LIMIT).await,
            DnsWriter::Rfc2136(server) => {
                tokio::time::timeout(Self::LIMIT, server.call(op == "add", &place, value)).await.unwrap_or_else(|_| {
                    Err(format!("the name server has not answered within {} s", Self::LIMIT.as_secs_f64()))
                })
            }
        };
        match place == asked {
            true => written,
            false => written.map_err(|why| format!("at its alias {shown}: {why}")),
        }
    }
}

/// A name with a dot at its end.
fn full_name(name: &str) -> Result<Name, String> {
    let is_name = |full: &Name| !full.is_root();
    let full = Name::from_ascii(name).ok().filter(is_name);
    let mut full = full.ok_or_else(|| format!("{name:?} is no name: write one such as \"example.com\""))?;
    full.set_fqdn(true);
    Ok(full)
}

#[cfg(test)]
mod tests;
