//! What the name servers of a zone themselves answer about a name.
//!
//! The servers of the zone are asked, not a resolver: a resolver would keep the answer that there is no record, and
//! hide the record once it is written. Only if no server of the zone can be reached, the resolver is asked.

use std::net::SocketAddr;
use std::sync::Arc;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::task::JoinSet;

use super::exchange;
use crate::upstream::dns::Dns;

/// Aliases and delegations that are followed for one name.
const MOST_STEPS: usize = 8;
/// Servers of one zone that are asked.
const MOST_SERVERS: usize = 32;

/// Who asks name servers.
#[derive(Debug, Clone)]
pub(super) struct Authorities {
    /// Finds zones and the addresses of their servers.
    pub(super) dns: Arc<Dns>,
    /// Port of name servers: 53.
    pub(super) port: u16,
}

/// What all servers say about the TXT records of a name.
#[derive(Debug)]
pub(super) struct TxtAnswers {
    /// The name after all aliases.
    pub(super) place: Name,
    /// One answer for each server.
    pub(super) answers: Vec<TxtAnswer>,
}

/// What one server says.
#[derive(Debug)]
pub(super) struct TxtAnswer {
    /// The server, for messages: `ns1.example.com (192.0.2.1:53)`.
    pub(super) server: String,
    /// Texts of the records; why there is no usable answer.
    pub(super) texts: Result<Vec<String>, String>,
}

/// A name server, with the addresses to try.
#[derive(Debug, Clone, PartialEq, Eq)]
struct NameServer {
    name: Name,
    addresses: Vec<SocketAddr>,
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Reading {
    Texts(Vec<String>),
    /// The name is an alias of this one.
    Alias(Name),
    /// Other servers know more: their names.
    Delegation(Vec<Name>),
}

impl Authorities {
    /// Asks all servers of the zone that `name` is in for its TXT records. Aliases and delegations are followed.
    ///
    /// # Errors
    /// If nobody answers.
    pub(super) async fn texts(&self, name: &Name) -> Result<TxtAnswers, String> {
        match self.texts_of_zone(name).await {
            Some(found) => Ok(found),
            None => self.texts_of_resolver(name).await,
        }
    }

    /// `None` if no server of a zone on the way gives an answer.
    async fn texts_of_zone(&self, name: &Name) -> Option<TxtAnswers> {
        let mut place = name.clone();
        let mut servers = self.servers(self.zone_servers(&place).await?).await;
        for _ in 0..MOST_STEPS {
            let replies = ask_all(servers, &place).await;
            if replies.iter().all(|(_, reading)| reading.is_err()) {
                return None;
            }
            let further = replies.iter().find_map(|(_, reading)| match reading {
                Ok(Reading::Texts(_)) | Err(_) => None,
                Ok(further) => Some(further.clone()),
            });
            let names = match further {
                Some(Reading::Alias(target)) => {
                    place = target;
                    self.zone_servers(&place).await?
                }
                Some(Reading::Delegation(names)) => names,
                Some(Reading::Texts(_)) | None => return Some(TxtAnswers::of(place, replies)),
            };
            servers = self.servers(names).await;
        }
        None
    }

    /// Asks the resolver.
    async fn texts_of_resolver(&self, name: &Name) -> Result<TxtAnswers, String> {
        let ask = async |kind| self.dns.records(name, kind).await.map_err(|error| error.to_string());
        let records = ask(RecordType::TXT).await?;
        // An alias of a name without TXT records is seen only if it is asked for.
        let aliases = if records.is_empty() { ask(RecordType::CNAME).await? } else { Vec::new() };
        let mut place = name.clone();
        for _ in 0..MOST_STEPS {
            match alias_of(&place, records.iter().chain(&aliases)) {
                Some(target) => place = target,
                None => break,
            }
        }
        let texts = Ok(Reading::Texts(texts_at(&place, &records)));
        Ok(TxtAnswers::of(place, vec![("the resolver".into(), texts)]))
    }

    /// Names of the servers of the zone that `name` is in. The zone is looked for above the name: a delegation of the
    /// name itself is found by asking them. `None` if no zone is found.
    async fn zone_servers(&self, name: &Name) -> Option<Vec<Name>> {
        let mut zone = name.base_name();
        loop {
            let is_zone = |record: &Record| record.record_type() == RecordType::SOA && record.name == zone;
            if self.dns.records(&zone, RecordType::SOA).await.ok()?.iter().any(is_zone) {
                let servers = self.dns.records(&zone, RecordType::NS).await.ok()?;
                return Some(servers_in(&servers, &zone)).filter(|names| !names.is_empty());
            }
            if zone.is_root() {
                return None;
            }
            zone = zone.base_name();
        }
    }

    /// Looks up the addresses of name servers. One whose addresses cannot be learned has none.
    async fn servers(&self, names: Vec<Name>) -> Vec<NameServer> {
        let mut servers = Vec::with_capacity(names.len());
        for name in names {
            let found = self.dns.lookup(&name.to_ascii(), &[]).await;
            let addresses = found.map(|found| found.addresses).unwrap_or_default();
            let addresses = addresses.into_iter().map(|ip| SocketAddr::new(ip, self.port)).collect();
            servers.push(NameServer { name, addresses });
        }
        servers
    }
}

impl TxtAnswers {
    fn of(place: Name, replies: Vec<(String, Result<Reading, String>)>) -> Self {
        let answers = replies.into_iter().map(|(server, reading)| {
            let texts = reading.map(|reading| match reading {
                Reading::Texts(texts) => texts,
                Reading::Alias(_) | Reading::Delegation(_) => Vec::new(),
            });
            TxtAnswer { server, texts }
        });
        Self { place, answers: answers.collect() }
    }
}

/// Names of the servers of `zone` in these records.
fn servers_in(records: &[Record], zone: &Name) -> Vec<Name> {
    let servers = records.iter().filter(|record| record.name == *zone).filter_map(|record| match &record.data {
        RData::NS(server) => Some(server.0.clone()),
        _ => None,
    });
    servers.take(MOST_SERVERS).collect()
}

/// Asks all servers at once.
async fn ask_all(servers: Vec<NameServer>, place: &Name) -> Vec<(String, Result<Reading, String>)> {
    let mut tasks = JoinSet::new();
    for server in servers {
        let place = place.clone();
        tasks.spawn(async move { ask(&server, &place).await });
    }
    tasks.join_all().await
}

/// Asks one server, at one of its addresses after the other until one answers.
async fn ask(server: &NameServer, place: &Name) -> (String, Result<Reading, String>) {
    let name = server.name.to_ascii();
    let mut shown = name.trim_end_matches('.').to_owned();
    let mut failure = "it has no address".to_owned();
    for address in &server.addresses {
        shown = format!("{} ({address})", name.trim_end_matches('.'));
        match exchange::query(*address, place, RecordType::TXT).await {
            Ok(message) => match read(&message, place) {
                Ok(reading) => return (shown, Ok(reading)),
                Err(why) => failure = why,
            },
            Err(error) => failure = error.to_string(),
        }
    }
    (shown, Err(failure))
}

/// Reads the answer of a server about the TXT records of `place`.
fn read(message: &Message, place: &Name) -> Result<Reading, String> {
    match message.metadata.response_code {
        ResponseCode::NoError | ResponseCode::NXDomain => {}
        code => return Err(format!("it answers: {code}")),
    }
    if let Some(target) = alias_of(place, &message.answers) {
        return Ok(Reading::Alias(target));
    }
    let texts = texts_at(place, &message.answers);
    if texts.is_empty() && !message.metadata.authoritative {
        let cut = message.authorities.iter().find(|record| record.record_type() == RecordType::NS);
        if let Some(cut) = cut.filter(|cut| cut.name.zone_of(place)) {
            return Ok(Reading::Delegation(servers_in(&message.authorities, &cut.name)));
        }
        return Err("it does not know the zone".into());
    }
    Ok(Reading::Texts(texts))
}

fn alias_of<'a>(name: &Name, records: impl IntoIterator<Item = &'a Record>) -> Option<Name> {
    records.into_iter().filter(|record| record.name == *name).find_map(|record| match &record.data {
        RData::CNAME(target) => Some(target.0.clone()),
        _ => None,
    })
}

/// Texts of the TXT records of `name`. The parts of one record are put together.
fn texts_at(name: &Name, records: &[Record]) -> Vec<String> {
    let texts = records.iter().filter(|record| record.name == *name).filter_map(|record| match &record.data {
        RData::TXT(txt) => Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned()),
        _ => None,
    });
    texts.collect()
}

#[cfg(test)]
mod tests;
