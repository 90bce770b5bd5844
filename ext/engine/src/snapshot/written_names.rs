//! Names that a configuration serves, for their certificates.

use std::net::IpAddr;

use crate::acme::names::WrittenName;
use crate::config::Match;
use crate::configuration::Directive;

/// Every host of a `location` or `host`, in the order of the file. A regular expression names none, and an address
/// needs no certificate.
pub(super) fn written_names(routes: &[Directive]) -> Vec<WrittenName> {
    let mut names = Vec::new();
    collect(routes, &mut names);
    names
}

fn collect(routes: &[Directive], names: &mut Vec<WrittenName>) {
    for route in routes {
        let Directive::Location(location) = route else { continue };
        for host in &location.hosts {
            let Match::Text(host) = host else { continue };
            let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
            if !name.is_empty() && !is_address(&name) {
                names.push(WrittenName { name: name.into(), at: location.at.clone() });
            }
        }
        collect(&location.routes, names);
    }
}

fn is_address(name: &str) -> bool {
    name.starts_with('[') || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{LocationConfig, Regexp};

    fn location(hosts: Vec<Match>, routes: Vec<Directive>) -> Directive {
        Directive::Location(Box::new(LocationConfig { hosts, routes, ..LocationConfig::default() }))
    }

    #[test]
    fn hosts_of_all_locations_are_found_in_lower_case() {
        let inner = location(vec!["*.Inner.example".into()], Vec::new());
        let regexp = Match::Regexp(Regexp::default());
        let outer = location(vec!["A.example.".into(), regexp, "127.0.0.1".into(), "[::1]".into()], vec![inner]);
        let names: Vec<_> = written_names(&[outer]).into_iter().map(|written| written.name).collect();
        assert_eq!(names, ["a.example".into(), "*.inner.example".into()]);
    }
}
