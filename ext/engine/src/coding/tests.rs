//! Bodies come back as they were, and requests are read as RFC 9110 says.

use std::io::Read;

use proptest::prelude::*;
use proxy_http::message::{Fields, Known};

use super::encoder::{kept, live};
use super::{Coding, CodingWish, Encoder, EncoderOptions};

fn options(coding: Coding) -> EncoderOptions {
    let level = match coding {
        Coding::Zstd => 3,
        Coding::Br => 4,
        Coding::Gzip => 5,
    };
    EncoderOptions { coding, level, jitter: true }
}

/// The body behind a coding, and whether it ended there. A decoder may stop at any place where bytes are missing.
fn decoded(coding: Coding, coded: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    let ended = match coding {
        Coding::Zstd => {
            zstd::stream::read::Decoder::with_buffer(coded).expect("a decoder").read_to_end(&mut body).is_ok()
        }
        Coding::Br => brotli::Decompressor::new(coded, 4096).read_to_end(&mut body).is_ok(),
        Coding::Gzip => flate2::bufread::MultiGzDecoder::new(coded).read_to_end(&mut body).is_ok(),
    };
    (body, ended)
}

/// Text that compresses as pages do, with some bytes that do not.
fn page(len: usize) -> Vec<u8> {
    let mut body = Vec::with_capacity(len + 100);
    let mut random = fastrand::Rng::with_seed(len as u64);
    while body.len() < len {
        body.extend_from_slice(b"<tr><td class=\"name\">");
        body.extend((0..random.usize(..24)).map(|_| random.u8(..)));
        body.extend_from_slice(b"</td><td>paid</td></tr>\n");
    }
    body.truncate(len);
    body
}

/// Codes a body in pieces. `told`: its length is told before. `flush`: after each piece, all of which must then be
/// there.
fn coded(options: EncoderOptions, body: &[u8], piece: usize, told: bool, flush: bool) -> Vec<u8> {
    let mut encoder = Encoder::begin(options, told.then_some(body.len() as u64)).expect("a place");
    let mut out = Vec::new();
    let mut written = 0;
    for piece in body.chunks(piece) {
        encoder.write(piece, &mut out).expect("it codes");
        written += piece.len();
        if flush {
            encoder.flush(&mut out).expect("it codes");
            let (now, ended) = decoded(options.coding, &out);
            assert_eq!(now.len(), written, "{options:?}: not all that was flushed can be read");
            assert!(!ended, "{options:?}: the body looks complete before its end");
        }
    }
    encoder.finish(&mut out).expect("it codes");
    encoder.reuse();
    out
}

#[test]
fn a_body_comes_back_whatever_its_length_and_its_pieces() {
    for (_, coding) in Coding::ALL {
        for len in [0, 1, 2, 1023, 1024, 32_767, 32_768, 32_769, 131_072, 131_073, 300_000] {
            let body = page(len);
            for piece in [1, 1000, 16_384, 65_536] {
                for told in [false, true] {
                    let coded = coded(options(coding), &body, piece, told, false);
                    assert!(decoded(coding, &coded) == (body.clone(), true), "{coding:?}, {len} in pieces of {piece}");
                }
            }
        }
    }
}

#[test]
fn a_body_of_ten_megabytes_comes_back() {
    let body = page(10_000_000);
    for (_, coding) in Coding::ALL {
        let coded = coded(options(coding), &body, 65_536, false, false);
        assert!(coded.len() < body.len());
        assert!(decoded(coding, &coded) == (body.clone(), true), "{coding:?}");
    }
}

#[test]
fn a_flush_gives_all_that_was_written_and_no_end() {
    for (_, coding) in Coding::ALL {
        for (len, piece) in [(1, 1), (100, 1), (5_000, 100), (200_000, 50_000)] {
            let body = page(len);
            let coded = coded(options(coding), &body, piece, false, true);
            assert!(decoded(coding, &coded) == (body, true));
        }
    }
}

#[test]
fn padding_of_every_length_is_skipped() {
    let body = page(500);
    for (_, coding) in Coding::ALL {
        for _ in 0..500 {
            let coded = coded(options(coding), &body, 500, true, false);
            assert!(decoded(coding, &coded) == (body.clone(), true), "{coding:?}");
        }
    }
}

#[test]
fn every_level_codes() {
    let body = page(40_000);
    for (coding, levels) in [(Coding::Zstd, 1..=19), (Coding::Br, 0..=11), (Coding::Gzip, 1..=9)] {
        for level in levels {
            let coded = coded(EncoderOptions { level, ..options(coding) }, &body, 10_000, false, false);
            assert!(decoded(coding, &coded) == (body.clone(), true), "{coding:?} {level}");
        }
    }
}

#[test]
fn jitter_changes_the_length_by_up_to_32_bytes_and_more() {
    let body = page(2_000);
    for (_, coding) in Coding::ALL {
        let plain = coded(EncoderOptions { jitter: false, ..options(coding) }, &body, 2_000, true, false).len();
        let lengths: Vec<_> = (0..400).map(|_| coded(options(coding), &body, 2_000, true, false).len()).collect();
        let (least, most) = (lengths.iter().min().expect("one"), lengths.iter().max().expect("one"));
        assert!(least >= &plain && most - least >= 25 && most - plain <= 32 + 9, "{coding:?}: {least} to {most}");
    }
}

#[test]
fn a_thread_has_so_many_encoders_and_keeps_the_memory_of_few() {
    for (_, coding) in Coding::ALL {
        let mut all: Vec<_> = (0..256).map(|_| Encoder::begin(options(coding), Some(100)).expect("a place")).collect();
        assert!(Encoder::begin(options(coding), None).is_none());
        all.pop();
        all.push(Encoder::begin(options(coding), Some(100)).expect("a place is free"));
        all.into_iter().for_each(Encoder::reuse);
        assert_eq!(live(), 0);
    }
    assert_eq!(kept(), (4, 4));
    let one = Encoder::begin(options(Coding::Zstd), None);
    assert_eq!(kept(), (3, 4));
    drop(one);
    assert_eq!((live(), kept()), (0, (3, 4)), "an encoder that has not ended its body is not used again");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_body_in_any_pieces_comes_back(
        pieces in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..3_000), any::<bool>()), 0..12),
        coding in 0..3usize,
        jitter: bool,
    ) {
        let coding = Coding::ALL[coding].1;
        let mut encoder = Encoder::begin(EncoderOptions { jitter, ..options(coding) }, None).expect("a place");
        let (mut out, mut body) = (Vec::new(), Vec::new());
        for (piece, flush) in &pieces {
            encoder.write(piece, &mut out).expect("it codes");
            body.extend_from_slice(piece);
            if *flush {
                encoder.flush(&mut out).expect("it codes");
                prop_assert_eq!(&decoded(coding, &out).0, &body);
            }
        }
        encoder.finish(&mut out).expect("it codes");
        encoder.reuse();
        prop_assert_eq!(decoded(coding, &out), (body, true));
    }
}

fn fields(lines: &[(Known, &str)]) -> Fields {
    let mut fields = Fields::default();
    lines.iter().for_each(|(name, value)| fields.append(*name, value.as_bytes()));
    fields
}

fn chosen(accepted: &[&str]) -> Option<&'static str> {
    let lines: Vec<_> = accepted.iter().map(|value| (Known::AcceptEncoding, *value)).collect();
    CodingWish::of(&fields(&lines)).choose(&Coding::ALL.map(|(_, coding)| coding)).map(Coding::as_str)
}

#[test]
fn the_client_chooses_and_of_equals_we_do() {
    for (accepted, coding) in [
        (&[][..], None),
        (&[""], None),
        (&["gzip, deflate, br, zstd"], Some("zstd")),
        (&["gzip, deflate, br"], Some("br")),
        (&["gzip", "br"], Some("br")),
        (&["gzip"], Some("gzip")),
        (&["GZip"], Some("gzip")),
        (&["x-gzip"], Some("gzip")),
        (&["deflate"], None),
        (&["gzip;q=1.0, br;q=0.5"], Some("gzip")),
        (&["gzip;q=0"], None),
        (&["gzip;q=0.000, *"], Some("zstd")),
        (&["*"], Some("zstd")),
        (&["zstd;q=0, *;q=0.2"], Some("br")),
        (&["*;q=0"], None),
        (&["gzip ; q=0.3 , br ;Q=0.2"], Some("gzip")),
        (&["identity, gzip;q=0.5"], None),
        (&["identity;q=0.5, gzip;q=0.5"], Some("gzip")),
        (&["identity;q=0, gzip;q=0.1"], Some("gzip")),
        (&["gzip;q=2"], None),
        (&["gzip;q=1.001"], None),
        (&["gzip;q=0.0001"], None),
        (&["gzip;q=a"], None),
        (&["gzip;q="], None),
        (&["gzip;level=9;q=0.5, br;q=0.4"], Some("gzip")),
        (&["gzipped, zst"], None),
    ] {
        assert_eq!(chosen(accepted), coding, "{accepted:?}");
    }
}

#[test]
fn our_order_decides_among_equals_only() {
    let wish = CodingWish::of(&fields(&[(Known::AcceptEncoding, "zstd, gzip, br;q=0.1")]));
    assert_eq!(wish.choose(&[Coding::Gzip, Coding::Zstd]), Some(Coding::Gzip));
    assert_eq!(wish.choose(&[Coding::Br, Coding::Zstd]), Some(Coding::Zstd));
    assert_eq!(wish.choose(&[Coding::Br]), Some(Coding::Br));
    assert_eq!(wish.choose(&[]), None);
}

#[test]
fn what_else_matters_is_seen() {
    assert!(!CodingWish::of(&fields(&[(Known::Accept, "*/*")])).is_personal);
    assert!(CodingWish::of(&fields(&[(Known::Cookie, "a=b")])).is_personal);
    assert!(CodingWish::of(&fields(&[(Known::Authorization, "Basic x")])).is_personal);
    let mut token = Fields::default();
    token.append("x-csrf-token", b"1");
    assert!(CodingWish::of(&token).is_personal);
    assert!(CodingWish::of(&fields(&[(Known::CacheControl, "max-age=0, No-Transform")])).no_transform);
    assert!(!CodingWish::of(&fields(&[(Known::CacheControl, "no-transformers")])).no_transform);
}
