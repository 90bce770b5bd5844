//! A name server that takes updates (RFC 2136), signed with a shared key (TSIG, RFC 8945).

mod settings;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use hickory_proto::op::update_message::{append, delete_by_rdata};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::tsig::TsigError;
use hickory_proto::rr::rdata::TXT;
use hickory_proto::rr::{Name, RData, Record, RecordSet, RecordType, TSigner};

use super::exchange;
use crate::upstream::dns::Dns;

/// Time for which resolvers may keep a record, in seconds.
const TTL: u32 = 60;

/// A name server that takes updates.
pub(super) struct Rfc2136Provider {
    /// As it was written.
    shown: String,
    host: String,
    port: u16,
    signer: Option<TSigner>,
    zone: Option<Name>,
    dns: Arc<Dns>,
}

impl std::fmt::Debug for Rfc2136Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key is a secret.
        f.debug_struct("Rfc2136Provider").field("server", &self.shown).finish_non_exhaustive()
    }
}

impl Rfc2136Provider {
    /// Adds or removes one record.
    pub(super) async fn call(&self, is_added: bool, place: &Name, value: &str) -> Result<(), String> {
        let server = self.address(place).await?;
        let zone = match &self.zone {
            Some(zone) if zone.zone_of(place) => zone.clone(),
            Some(zone) => return Err(format!("{place} is not in the zone {zone}")),
            None => self.zone_of(server, place).await?,
        };
        let record = Record::from_rdata(place.clone(), TTL, RData::TXT(TXT::new(vec![value.to_owned()])));
        let set = RecordSet::from(record);
        let update = if is_added { append(set, zone, false, false) } else { delete_by_rdata(set, zone, false) };
        self.send(server, update).await
    }

    /// The first address of the server.
    async fn address(&self, _place: &Name) -> Result<SocketAddr, String> {
        if let Ok(ip) = self.host.parse() {
            return Ok(SocketAddr::new(ip, self.port));
        }
        let found = self.dns.lookup(&self.host, &[]).await.map_err(|error| error.to_string())?;
        let ip = found.addresses.first().ok_or_else(|| format!("{} has no address", self.host))?;
        Ok(SocketAddr::new(*ip, self.port))
    }

    /// The zone that the server says the name is in: its answer has the zone's SOA record, whether or not the name
    /// exists.
    async fn zone_of(&self, server: SocketAddr, place: &Name) -> Result<Name, String> {
        let answer = exchange::query(server, place, RecordType::SOA)
            .await
            .map_err(|error| format!("{} gives no answer: {}", self.shown, plain(&error)))?;
        let mut records = answer.answers.iter().chain(&answer.authorities);
        let soa = records.find(|record| record.record_type() == RecordType::SOA && record.name.zone_of(place));
        soa.map(|record| record.name.clone()).ok_or_else(|| {
            format!("{} does not say in which zone {place} is ({}): write zone:", self.shown, answer.response_code)
        })
    }

    async fn send(&self, server: SocketAddr, mut update: Message) -> Result<(), String> {
        let mut verifier = None;
        if let Some(signer) = &self.signer {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            verifier = update.finalize(signer, now).map_err(|error| error.to_string())?;
        }
        let bytes = update.to_vec().map_err(|error| error.to_string())?;
        let answer = exchange::over_tcp(server, &bytes)
            .await
            .map_err(|error| format!("{} takes no update: {}", self.shown, plain(&error)))?;
        let read = Message::from_vec(&answer).map_err(|error| format!("{}: {error}", self.shown))?;
        if read.id != update.id {
            return Err(format!("{} answers something else", self.shown));
        }
        match read.response_code {
            ResponseCode::NoError => {}
            code => return Err(format!("{} refuses the update: {}", self.shown, refusal(code, &read))),
        }
        match verifier {
            Some(mut verifier) => match verifier.verify(&answer) {
                Ok(_) => Ok(()),
                Err(error) => Err(format!("the answer of {} is not signed with the key: {error}", self.shown)),
            },
            None => Ok(()),
        }
    }
}

fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::TimedOut => "it has not answered in time".into(),
        ErrorKind::UnexpectedEof => "it closed the connection".into(),
        _ => error.to_string(),
    }
}

/// What a refusal means, and what to do.
fn refusal(code: ResponseCode, answer: &Message) -> String {
    let why = match (answer.signature.as_ref().and_then(|record| record.data.error), code) {
        (Some(TsigError::BadKey), _) => "it does not know the key: see its name and algorithm",
        (Some(TsigError::BadSig), _) => "the key's secret is another one there",
        (Some(TsigError::BadTime), _) => "the clocks of both machines differ by more than five minutes",
        (_, ResponseCode::Refused) => "the key may not write there: see the zone's update policy",
        (_, ResponseCode::NotAuth | ResponseCode::NotZone) => "it does not have this zone: see zone:",
        _ => return code.to_string(),
    };
    format!("{code} ({why})")
}

#[cfg(test)]
mod tests;
