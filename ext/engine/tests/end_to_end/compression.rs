//! Bodies of responses are compressed on their way to clients that accept that.

mod bodies;
mod bounds;
mod heads;

use std::io::Read;

use proxy_engine::configuration::{CompressConfig, Directive, FilterConfig};

use crate::support::{Message, Origin, Proxy, Settings};

/// All codings, in our order.
const ALL: [&str; 3] = ["zstd", "br", "gzip"];

/// The directive with these options.
fn compress(config: CompressConfig) -> Directive {
    Directive::Filter(FilterConfig::Compress(config))
}

/// A proxy with `compress` in front of a backend.
fn compressing(origin: &Origin) -> Proxy {
    compressing_with(origin, CompressConfig::default())
}

fn compressing_with(origin: &Origin, config: CompressConfig) -> Proxy {
    Proxy::with(&[&origin.address()], |settings: &mut Settings| settings.server.routes.push(compress(config)))
}

/// A page of so many bytes.
fn page(len: usize) -> Vec<u8> {
    let rows = (0..).flat_map(|row: u64| {
        let name = row.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        format!("<tr><td>{row}</td><td>{name:x}</td><td>paid</td></tr>\n").into_bytes()
    });
    rows.take(len).collect()
}

/// The body behind a coding; an error if it does not end.
fn try_decoded(coding: &str, coded: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    match coding {
        "zstd" => zstd::stream::read::Decoder::with_buffer(coded)?.read_to_end(&mut body)?,
        "br" => brotli::Decompressor::new(coded, 4096).read_to_end(&mut body)?,
        "gzip" => flate2::bufread::MultiGzDecoder::new(coded).read_to_end(&mut body)?,
        other => panic!("no coding: {other}"),
    };
    Ok(body)
}

fn decoded(coding: &str, coded: &[u8]) -> Vec<u8> {
    try_decoded(coding, coded).expect("a whole body")
}

/// The bytes that can be read from the beginning of a coded body.
fn begun(coding: &str, coded: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    let ended = match coding {
        "zstd" => zstd::stream::read::Decoder::with_buffer(coded).expect("a decoder").read_to_end(&mut body),
        "br" => brotli::Decompressor::new(coded, 4096).read_to_end(&mut body),
        _ => flate2::bufread::MultiGzDecoder::new(coded).read_to_end(&mut body),
    };
    assert!(ended.is_err(), "it looks complete");
    body
}

/// The answer to a GET with these lines.
fn get(proxy: &Proxy, target: &str, lines: &str) -> Message {
    let mut client = proxy.client();
    client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n{lines}\r\n"));
    client.response()
}

/// The coding of a response, whose body is `body` behind it.
fn coding_of(response: &Message, body: &[u8]) -> Option<String> {
    let coding = response.get("Content-Encoding").map(str::to_owned);
    match &coding {
        Some(coding) if ALL.contains(&coding.as_str()) => assert!(decoded(coding, &response.body) == body),
        _ => assert!(response.body == body),
    }
    coding
}
