//! Inputs: messages by the grammar and by what is often got wrong in it, with slips of a byte here and there.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Where bytes are cut into pieces.
#[derive(Debug, Clone)]
pub(crate) enum Cuts {
    Nowhere,
    Everywhere,
    At(Vec<usize>),
}

/// Bytes and how they arrive.
#[derive(Clone)]
pub(crate) struct Arriving {
    pub(crate) bytes: Vec<u8>,
    pub(crate) cuts: Cuts,
}

impl std::fmt::Debug for Arriving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "b\"{}\" cut {:?}", self.bytes.escape_ascii(), self.cuts)
    }
}

impl Arriving {
    pub(crate) fn pieces(&self) -> Vec<Vec<u8>> {
        let len = self.bytes.len();
        let mut cuts: Vec<_> = match &self.cuts {
            Cuts::Nowhere => Vec::new(),
            Cuts::Everywhere => (0..len).collect(),
            Cuts::At(cuts) => cuts.iter().map(|cut| cut % (len + 1)).collect(),
        };
        cuts.extend([0, len]);
        cuts.sort_unstable();
        cuts.dedup();
        cuts.windows(2).map(|ends| self.bytes[ends[0]..ends[1]].to_vec()).collect()
    }
}

/// One of `usual` nearly always, else one of `odd`.
fn mostly(usual: &'static [&'static str], odd: &'static [&'static str]) -> BoxedStrategy<String> {
    prop_oneof![30 => select(usual), 1 => select(odd)].prop_map(str::to_owned).boxed()
}

fn line_end() -> impl Strategy<Value = String> {
    prop_oneof![60 => Just("\r\n"), 1 => select(&["\n", "\r", "\r\r\n", "\r\n ", "\r\n\t", "\n\r", ""][..])]
        .prop_map(str::to_owned)
}

fn field() -> BoxedStrategy<String> {
    let name = mostly(
        &["X-One", "x-one", "Accept", "Cookie", "Set-Cookie", "Expect2", "a", "X_Y", "Content-Type", "!#$%&'*+-.^_`|~"],
        &["", " X", "X Y", "X(", "Content-Length ", "Transfer-Encoding\t", "X\u{e9}", "Host", "Upgrade", "Trailer"],
    );
    let colon = mostly(&[": ", ":", ":  ", ":\t"], &[" : ", " :", "", ";"]);
    let value = mostly(
        &["", "1", "a b", "a\tb", " c ", "\u{e9}\u{fc}", "x: y", "close", "chunked", "5", ",,", "\"q\\\"\""],
        &["a\0b", "a\x0bb", "a\x7f", "\x01"],
    );
    let odd = (name, colon, value).prop_map(|(name, colon, value)| format!("{name}{colon}{value}"));
    let connection = select(
        &[
            "Connection: close",
            "Connection: keep-alive",
            "connection: x, Close",
            "Connection: keep-alive, close",
            "Connection: upgrade",
            "Connection: X-One",
            "Connection:",
        ][..],
    );
    let line = prop_oneof![6 => odd, 1 => connection.prop_map(str::to_owned)];
    (line, line_end()).prop_map(|(line, end)| line + &end).boxed()
}

/// Fields that frame, and a body that mostly fits.
fn framed_body() -> BoxedStrategy<(String, Vec<u8>)> {
    prop_oneof![
        4 => Just((String::new(), Vec::new())),
        4 => length_body(),
        6 => chunked_body(),
        1 => (mistaken_framing(), chunked()),
    ]
    .boxed()
}

fn length_body() -> impl Strategy<Value = (String, Vec<u8>)> {
    let form = mostly(
        &["Content-Length: {}", "content-length:{}", "CONTENT-LENGTH:  {}\t", "Content-Length: 00{}"],
        &[
            "Content-Length: +{}",
            "Content-Length: -{}",
            "Content-Length: {},{}",
            "Content-Length: 0x{}",
            "Content-Length : {}",
            "Content-Length: {};",
            "Content-Length: {}\r\nContent-Length: {}",
        ],
    );
    let slip = prop_oneof![20 => Just(0i64), 1 => Just(1), 1 => Just(-1)];
    (form, vec(any::<u8>(), 0..40), slip, line_end()).prop_map(|(form, body, slip, end)| {
        let length = (body.len() as i64 + slip).max(0);
        (form.replace("{}", &length.to_string()) + &end, body)
    })
}

fn chunked_body() -> impl Strategy<Value = (String, Vec<u8>)> {
    let form = mostly(
        &["Transfer-Encoding: chunked", "transfer-encoding:Chunked", "TRANSFER-ENCODING:  chunked "],
        &["Transfer-Encoding: chunked, chunked", "Transfer-Encoding : chunked", "Transfer-Encoding: xchunked"],
    );
    (form, line_end(), chunked()).prop_map(|(form, end, body)| (form + &end, body))
}

fn mistaken_framing() -> impl Strategy<Value = String> {
    select(
        &[
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
            "Transfer-Encoding: identity\r\n",
            "Content-Length: \r\n",
            "Content-Length: 99999999999999999999\r\n",
        ][..],
    )
    .prop_map(str::to_owned)
}

fn chunked() -> BoxedStrategy<Vec<u8>> {
    let size = mostly(&["N", "n", "0N", "000N"], &["+N", "-N", "0xN", " N", "N ", "1N", "", "g", "fffffffffffffffffN"]);
    let extension = mostly(&["", "", "", ";a", ";a=b", ";a=\"b c\";d"], &[" ;a", ";a\n", ";\r", ";\0", ",a"]);
    let chunk = (size, extension, line_end(), vec(any::<u8>(), 1..20), line_end());
    let chunks = vec(chunk, 0..4)
        .prop_map(|chunks| {
            let mut out = Vec::new();
            for (size, extension, end, data, data_end) in chunks {
                let upper = size.contains('N');
                let digits = if upper { format!("{:X}", data.len()) } else { format!("{:x}", data.len()) };
                out.extend_from_slice(size.replace(['N', 'n'], &digits).as_bytes());
                out.extend_from_slice(extension.as_bytes());
                out.extend_from_slice(end.as_bytes());
                out.extend_from_slice(&data);
                out.extend_from_slice(data_end.as_bytes());
            }
            out
        })
        .boxed();
    let last = mostly(&["0", "00", "0;a=b"], &["", "0 ", "-0", "0x0", "1"]);
    let trailer =
        select(&["X-Sum: 1", "X-Sum:2", "Content-Length: 3", "Host: b", "X-None:", "X : y", " X: y", "X"][..]);
    let trailers = prop_oneof![3 => Just(Vec::new()), 2 => vec((trailer, line_end()), 1..3)];
    (chunks, last, line_end(), trailers, line_end())
        .prop_map(|(mut out, last, last_end, trailers, end)| {
            out.extend_from_slice(last.as_bytes());
            out.extend_from_slice(last_end.as_bytes());
            for (line, end) in trailers {
                out.extend_from_slice(line.as_bytes());
                out.extend_from_slice(end.as_bytes());
            }
            out.extend_from_slice(end.as_bytes());
            out
        })
        .boxed()
}

fn message(start: impl Strategy<Value = String> + 'static, host: bool) -> BoxedStrategy<Vec<u8>> {
    let host = if host {
        mostly(&["Host: a\r\n", "host:a:80\r\n"], &["", "Host: a\r\nHost: b\r\n", "Host:\r\n"]).boxed()
    } else {
        Just(String::new()).boxed()
    };
    (start, line_end(), host, vec(field(), 0..4), framed_body(), vec(field(), 0..2), line_end())
        .prop_map(|(start, start_end, host, before, (framing, body), after, end)| {
            let head = start + &start_end + &host + &before.concat() + &framing + &after.concat() + &end;
            [head.into_bytes(), body].concat()
        })
        .boxed()
}

fn request() -> impl Strategy<Value = Vec<u8>> {
    let method = mostly(
        &["GET", "POST", "HEAD", "PUT", "OPTIONS", "PURGE", "get"],
        &["", " GET", "G(T", "GET\t", "\r\nGET", "\nGET", "\rGET"],
    );
    let target = mostly(
        &[
            "/",
            "/a?b=c",
            "/a//b;c%20?d",
            "http://a.example/b",
            "/a?b?c&d=/../e",
            "http://b:81/?q",
            "http://b:81?q",
            "HTTP://b",
        ],
        &[
            "*",
            "a",
            "/a b",
            "/a#b",
            "/\u{e9}",
            "/%zz",
            "http://a@b/",
            "",
            "//a",
            "/../b",
            "/\"",
            "ftp://a/",
            "http://[::1]/",
        ],
    );
    let version = mostly(
        &["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0"],
        &["HTTP/1.2", "HTTP/2.0", "http/1.1", "HTTP/1.1 ", "HTTP/1", ""],
    );
    let start = (method, target, version).prop_map(|(method, target, version)| format!("{method} {target} {version}"));
    message(start, true)
}

fn response() -> impl Strategy<Value = Vec<u8>> {
    let version =
        mostly(&["HTTP/1.1", "HTTP/1.1", "HTTP/1.0"], &["HTTP/1.2", "http/1.1", "HTTP/2.0", "\r\nHTTP/1.1", "ICY"]);
    let status = mostly(
        &["200 OK", "200", "200 ", "404 Not Found", "204 No Content", "304 Not Modified", "500 \u{e9}"],
        &["99 X", "099 X", "1000 X", "+20 X", " 200 OK", "101 Switching Protocols", "2oo OK"],
    );
    let start = (version, status).prop_map(|(version, status)| format!("{version} {status}"));
    let interim = select(&["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"][..]);
    let interim = prop_oneof![5 => Just(Vec::new()), 1 => vec(interim, 1..3)];
    (interim, message(start, false)).prop_map(|(interim, message)| [interim.concat().into_bytes(), message].concat())
}

/// A slip somewhere in the bytes, most often where it matters.
#[derive(Debug, Clone)]
enum Slip {
    Insert(u8),
    Replace(u8),
    Delete,
    Duplicate(usize),
}

fn slips() -> impl Strategy<Value = Vec<(usize, bool, Slip)>> {
    let byte = prop_oneof![
        4 => select(&b"\r\n :\t;,0159afAF"[..]),
        1 => select(&b"\0\x0b\x7f\xff-+x\""[..]),
    ];
    let slip = prop_oneof![
        byte.clone().prop_map(Slip::Insert),
        byte.prop_map(Slip::Replace),
        Just(Slip::Delete),
        (1usize..6).prop_map(Slip::Duplicate),
    ];
    prop_oneof![3 => Just(Vec::new()), 2 => vec((any::<usize>(), any::<bool>(), slip), 1..4)]
}

fn apply(bytes: &mut Vec<u8>, at: usize, near_syntax: bool, slip: &Slip) {
    if bytes.is_empty() {
        return;
    }
    let marks: Vec<usize> = (0..bytes.len()).filter(|i| b"\r\n:;".contains(&bytes[*i])).collect();
    let at = if near_syntax && !marks.is_empty() { marks[at % marks.len()] } else { at % bytes.len() };
    match slip {
        Slip::Insert(byte) => bytes.insert(at, *byte),
        Slip::Replace(byte) => bytes[at] = *byte,
        Slip::Delete => drop(bytes.remove(at)),
        Slip::Duplicate(n) => {
            let piece = bytes[at..(at + n).min(bytes.len())].to_vec();
            bytes.splice(at..at, piece);
        }
    }
}

fn arriving(bytes: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Arriving> {
    let cuts = prop_oneof![1 => Just(Cuts::Everywhere), 6 => vec(any::<usize>(), 0..6).prop_map(Cuts::At)];
    (bytes, slips(), cuts).prop_map(|(mut bytes, slips, cuts)| {
        for (at, near_syntax, slip) in slips {
            apply(&mut bytes, at, near_syntax, &slip);
        }
        Arriving { bytes, cuts }
    })
}

/// One to three requests behind each other.
pub(crate) fn requests() -> impl Strategy<Value = Arriving> {
    arriving(vec(request(), 1..4).prop_map(|requests| requests.concat()))
}

/// A response, perhaps behind interim ones, perhaps with something behind it.
pub(crate) fn responses() -> impl Strategy<Value = Arriving> {
    let behind = prop_oneof![3 => Just(Vec::new()), 1 => response(), 1 => vec(any::<u8>(), 1..4)];
    arriving((response(), behind).prop_map(|(response, behind)| [response, behind].concat()))
}
