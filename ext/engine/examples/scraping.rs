//! `scraping ROUTES BACKENDS`: serves a request of each of that many routes, before that many backends, and prints how
//! long a scrape of the metrics takes in microseconds (the median of several), its length in bytes, and its series.

#![allow(clippy::disallowed_types, reason = "it measures real time")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use proxy_engine::configuration::{
    BackendConfig, BindConfig, Directive, LocationConfig, Match, MetricsConfig, PoolConfig, ProxyConfig, Setting,
    StaticResponseConfig,
};
use proxy_engine::{Config, Server};

/// Scrapes of which the median counts.
const SCRAPES: usize = 21;

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>().ok());
    let (Some(Some(routes)), Some(Some(backends))) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: scraping ROUTES BACKENDS");
        std::process::exit(64);
    };
    let server = Server::start(config(routes, backends)).expect("a server");
    let address = server.urls()[0].replace("http://", "");
    let mut client = BufReader::new(TcpStream::connect(address).expect("a connection"));
    for route in 0..routes {
        get(&mut client, &format!("/routes/{route}"));
    }
    let mut scrapes: Vec<_> = (0..SCRAPES)
        .map(|_| {
            let begun = Instant::now();
            let text = get(&mut client, "/metrics");
            (begun.elapsed(), text)
        })
        .collect();
    scrapes.sort_unstable_by_key(|(time, _)| *time);
    let (time, text) = &scrapes[SCRAPES / 2];
    let series = text.lines().filter(|line| !line.starts_with('#')).count();
    println!("{} {} {series}", time.as_micros(), text.len());
}

fn config(routes: usize, backends: usize) -> Config {
    let location = |pattern: String, inside| {
        Directive::Location(Box::new(LocationConfig {
            patterns: vec![Match::Text(pattern)],
            routes: vec![inside],
            ..LocationConfig::default()
        }))
    };
    let answer = || Directive::StaticResponse(StaticResponseConfig::default());
    let mut all: Vec<_> = (0..routes).map(|number| location(format!("/routes/{number}"), answer())).collect();
    all.push(location("/metrics".into(), Directive::Metrics(MetricsConfig::default())));
    let address = |number: usize| format!("127.1.{}.{}:1", number / 250, number % 250 + 1);
    let pool = PoolConfig {
        backends: Some((0..backends.max(1)).map(|number| BackendConfig::at(address(number))).collect()),
        ..PoolConfig::default()
    };
    all.push(Directive::Proxy(Box::new(ProxyConfig { pool: Some(pool), ..ProxyConfig::default() })));
    Config {
        binds: vec![BindConfig { url: "http://127.0.0.1:0".into(), ..BindConfig::default() }],
        threads: Some(Setting::of(1)),
        routes: all,
        ..Config::default()
    }
}

fn get(client: &mut BufReader<TcpStream>, target: &str) -> String {
    // In one piece, which does not wait for an acknowledgement.
    let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
    client.get_mut().write_all(request.as_bytes()).expect("a request");
    let (mut length, mut line) = (0, String::new());
    loop {
        line.clear();
        client.read_line(&mut line).expect("an answer");
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    client.read_exact(&mut body).expect("a body");
    String::from_utf8(body).expect("text")
}
