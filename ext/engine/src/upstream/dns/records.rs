//! Records of any type.

use hickory_resolver::proto::rr::{Name, Record, RecordType};

use super::{Dns, DnsSource, NoAnswer};

impl Dns {
    /// Queries the records of a full name: search domains and the hosts file do not count. Empty if there are none.
    /// If the name is an alias, the answer begins with the CNAME records that lead to its target.
    ///
    /// To be called within a tokio runtime with time and IO.
    ///
    /// # Errors
    /// If no server gave a usable answer.
    pub(crate) async fn records(&self, name: &Name, kind: RecordType) -> Result<Vec<Record>, NoAnswer> {
        let fail = |why: &dyn std::fmt::Display| NoAnswer(format!("no answer about {kind} of {name}: {why}"));
        let mut name = name.clone();
        name.set_fqdn(true);
        let resolver = match &self.0 {
            DnsSource::Given(resolver) => resolver.clone(),
            DnsSource::System(system) => system.lock().plan(&name).map_err(|error| fail(&error))?.resolver,
        };
        // The cache has a capacity of zero, and yet may keep an answer until it next tidies up.
        resolver.clear_cache();
        match resolver.lookup(name.clone(), kind).await {
            Ok(lookup) => Ok(lookup.answers().to_vec()),
            Err(error) if error.is_no_records_found() => Ok(Vec::new()),
            Err(error) => Err(fail(&error)),
        }
    }
}
