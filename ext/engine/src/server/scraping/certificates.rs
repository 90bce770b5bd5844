//! Ends of certificates.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::metrics::families as family;
use crate::metrics::{Exposition, OTHER};
use crate::snapshot::Snapshot;

/// Names that have a series of their own, at most: clients choose those of certificates on demand.
const MOST_DOMAINS: usize = 1_000;

/// Writes when the certificates end that clients are shown. Of several for a name, the first end counts.
pub(super) fn write(out: &mut Exposition, snapshot: &Snapshot) {
    let mut ends: BTreeMap<String, SystemTime> = BTreeMap::new();
    let mut add = |name: &str, end: SystemTime| {
        let name = if ends.len() >= MOST_DOMAINS && !ends.contains_key(name) { OTHER } else { name };
        let known = ends.entry(name.to_owned()).or_insert(end);
        *known = end.min(*known);
    };
    for certificate in snapshot.binds.certificates() {
        for name in certificate.names.iter() {
            add(name, certificate.until);
        }
    }
    if let Some(managed) = &snapshot.managed {
        managed.each_end(&mut add);
    }
    out.family(&family::CERTIFICATE_NOT_AFTER);
    for (domain, end) in &ends {
        let end = end.duration_since(UNIX_EPOCH).unwrap_or_default();
        out.number(&[("domain", domain)], end.as_secs_f64());
    }
}
