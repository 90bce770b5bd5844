//! `routing ROUTES HOSTS LOOKUPS`: compiles a configuration with that many routes over that many hosts, half of them
//! exact paths and half prefixes, and looks requests up in it. For `bench/routing`; it prints nanoseconds to compile
//! and for one lookup.

#![allow(clippy::disallowed_types, reason = "it measures real time")]

use std::time::Instant;

use proxy_engine::configuration::{Directive, LocationConfig, Match, StaticResponseConfig};
use proxy_engine::{Config, RouteLookup};

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>().ok());
    let (Some(Some(routes)), Some(Some(hosts)), Some(Some(lookups))) =
        (arguments.next(), arguments.next(), arguments.next())
    else {
        eprintln!("usage: routing ROUTES HOSTS LOOKUPS");
        std::process::exit(64);
    };
    let (routes, hosts) = (routes.max(1), hosts.clamp(1, routes.max(1)));
    let config = Config { routes: (0..routes).map(|n| route(n, hosts)).collect(), ..Config::default() };

    let begun = Instant::now();
    let compiled = RouteLookup::compile(&config);
    let compiling = begun.elapsed();

    // Every request is for another route, in an order without a pattern.
    let requests: Vec<_> = (0..lookups.min(1000)).map(|n| request(n * 7919 % routes, hosts)).collect();
    let mut heads: Vec<_> = requests.iter().map(|text| RouteLookup::read(text).expect("a request")).collect();
    let mut found = 0;
    let begun = Instant::now();
    for n in 0..lookups {
        let count = heads.len();
        found += usize::from(compiled.find(&mut heads[n % count]));
    }
    let looking = begun.elapsed();
    assert_eq!(found, lookups, "every request has its route");
    println!("{} {}", compiling.as_nanos(), looking.as_nanos() / lookups.max(1) as u128);
}

fn host(n: usize, hosts: usize) -> String {
    format!("host{}.example.com", n % hosts)
}

/// The path of a route: `/service/7/resource`, to which a prefix adds `/*`.
fn path(n: usize, hosts: usize) -> String {
    format!("/service/{}/resource", n / hosts)
}

fn route(n: usize, hosts: usize) -> Directive {
    let path = path(n, hosts) + if (n / hosts).is_multiple_of(2) { "" } else { "/*" };
    Directive::Location(Box::new(LocationConfig {
        patterns: vec![Match::Text(path)],
        hosts: vec![Match::Text(host(n, hosts))],
        routes: vec![Directive::StaticResponse(StaticResponseConfig::default())],
        ..LocationConfig::default()
    }))
}

fn request(n: usize, hosts: usize) -> String {
    let path = path(n, hosts) + if (n / hosts).is_multiple_of(2) { "" } else { "/42" };
    format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", host(n, hosts))
}
