use std::task::Waker;

use super::*;

const PREFACE: &[u8] = b"preface";
const HEAD: &[u8] = &[0x82, 0x86, 0x84];

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    [&FrameHeader { kind, flags, len: payload.len(), stream }.bytes()[..], payload].concat()
}

fn data(stream: u32, payload: &[u8]) -> Vec<u8> {
    frame(kind::DATA, 0, stream, payload)
}

fn padded(stream: u32, payload: &[u8], padding: u8) -> Vec<u8> {
    frame(kind::DATA, PADDED, stream, &[&[padding][..], payload, &vec![0; usize::from(padding)]].concat())
}

/// A connection on which streams 1 and 3 are open.
fn open() -> (Sieve, Tally) {
    let tally = Tally::default();
    let mut sieve = Sieve::of_client(PREFACE.len(), tally.clone());
    let heads = [1, 3].map(|stream| frame(kind::HEADERS, END_HEADERS, stream, HEAD)).concat();
    let begun = [PREFACE, &heads].concat();
    assert_eq!(pour(&mut sieve, &begun, begun.len()), begun);
    (sieve, tally)
}

/// The output of `sieve` for `bytes` that are read in pieces of `step`.
fn pour(sieve: &mut Sieve, bytes: &[u8], step: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut memory = vec![0; step];
    for piece in bytes.chunks(step) {
        let mut buffer = ReadBuf::new(&mut memory);
        buffer.put_slice(piece);
        sieve.sift(&mut buffer, 0, |_| ());
        out.extend_from_slice(buffer.filled());
        out.extend(rest(sieve));
    }
    out
}

fn rest(sieve: &mut Sieve) -> Vec<u8> {
    let mut out = Vec::new();
    while sieve.release(&mut Context::from_waker(Waker::noop())) {
        let mut memory = [0; 100];
        let mut buffer = ReadBuf::new(&mut memory);
        sieve.give(&mut buffer);
        out.extend_from_slice(buffer.filled());
    }
    out
}

/// The frames of `bytes`.
fn frames(mut bytes: &[u8]) -> Vec<(FrameHeader, Vec<u8>)> {
    let mut frames = Vec::new();
    while let Some(header) = bytes.first_chunk() {
        let frame = FrameHeader::read(header);
        frames.push((frame, bytes[HEADER..HEADER + frame.len].to_vec()));
        bytes = &bytes[HEADER + frame.len..];
    }
    assert_eq!(bytes, b"");
    frames
}

/// The body of `stream` in the frames of `bytes`.
fn body(bytes: &[u8], stream: u32) -> Vec<u8> {
    let of_stream = |(frame, _): &(FrameHeader, Vec<u8>)| frame.kind == kind::DATA && frame.stream == stream;
    frames(bytes).into_iter().filter(of_stream).flat_map(|(_, data)| data).collect()
}

#[test]
fn what_needs_no_change_passes_as_it_came() {
    let all = [
        data(1, &[1; 300]),
        data(1, b"small"),
        frame(kind::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]),
        frame(kind::DATA, END_STREAM, 1, b""),
        frame(kind::DATA, END_STREAM | PADDED, 3, &[1, b'x', 0]),
        frame(kind::HEADERS, 0, 5, HEAD),
        frame(kind::CONTINUATION, END_HEADERS, 5, HEAD),
        data(5, b""),
    ]
    .concat();
    let expected = &all[..all.len() - HEADER];
    for step in [1, 2, 8, 9, 10, 11, 300, 10_000] {
        assert_eq!(pour(&mut open().0, &all, step), expected, "in pieces of {step}");
    }
}

#[test]
fn empty_frames_are_left_out_however_many_there_are() {
    let once = [data(1, b""), padded(1, b"", 0), padded(1, b"", 255), data(1, b"x")].concat();
    for step in [1, 7, 9, 1000] {
        let (mut sieve, _) = open();
        let out = pour(&mut sieve, &once.repeat(3), step);
        assert_eq!(frames(&out).len(), 3);
        assert_eq!(body(&out, 1), b"xxx");
        assert_eq!(sieve.owed, [(1, 3 * 257), (0, 3 * 257)], "the padding is to be given back");
    }
}

#[test]
fn small_pieces_that_nobody_takes_are_put_together() {
    let text: Vec<u8> = (0..30_000u32).map(|i| i as u8).collect();
    let pieces: Vec<u8> = text.chunks(10).flat_map(|piece| data(1, piece)).collect();
    for step in [1, 13, 4096] {
        let (mut sieve, tally) = open();
        let mut out = pour(&mut sieve, &pieces, step);
        let count = frames(&out).len();
        assert!(count < 16 + 40, "{count} frames");
        assert_eq!(tally.waiting(1), WAITING);
        // Another stream has its own count.
        out.extend(pour(&mut sieve, &data(3, b"mine"), step));
        assert_eq!(body(&out, 3), b"mine");
        out.extend(pour(&mut sieve, &frame(kind::DATA, END_STREAM, 1, b"end"), step));
        assert_eq!(body(&out, 1), [&text[..], b"end"].concat());
        assert!(frames(&out).last().is_some_and(|(frame, _)| frame.has(END_STREAM)));
    }
}

#[test]
fn what_is_held_leaves_when_there_is_room_and_before_whatever_follows() {
    let filled = || {
        let (mut sieve, tally) = open();
        let out = pour(&mut sieve, &data(1, b"0").repeat(20), 100);
        assert_eq!(body(&out, 1), [b'0'; 16]);
        (sieve, tally)
    };
    let (mut sieve, tally) = filled();
    let pieces = Pieces::new(&tally, 1);
    pieces.took(1);
    assert_eq!(body(&rest(&mut sieve), 1), b"0000");

    for (last, kinds) in [
        (frame(kind::HEADERS, END_HEADERS | END_STREAM, 1, HEAD), [kind::DATA, kind::HEADERS].to_vec()),
        (frame(kind::RST_STREAM, 0, 1, &[0, 0, 0, 8]), [kind::DATA, kind::RST_STREAM].to_vec()),
        (frame(kind::WINDOW_UPDATE, 0, 1, &[0, 0, 0, 8]), [kind::WINDOW_UPDATE].to_vec()),
        (data(1, &[1; 500]), [kind::DATA].to_vec()),
        (data(1, &[1; LARGEST]), [kind::DATA, kind::DATA].to_vec()),
        (padded(1, &[1; 500], 9), [kind::DATA].to_vec()),
        (frame(kind::DATA, END_STREAM, 1, b""), [kind::DATA].to_vec()),
    ] {
        for step in [1, 50, 20_000] {
            let (mut sieve, _) = filled();
            let out = pour(&mut sieve, &last, step);
            // A padded frame only enlarges the held piece.
            let seen: Vec<u8> = frames(&out).iter().map(|(frame, _)| frame.kind).collect();
            let many = [1; 500].len() + 4 < TOGETHER && last[4] & PADDED != 0 && last[3] == kind::DATA;
            if !many {
                assert_eq!(seen, kinds, "in pieces of {step}");
            }
            if last[3] != kind::WINDOW_UPDATE && !many {
                assert!(body(&out, 1).starts_with(b"0000"));
            }
        }
    }
}

#[test]
fn a_stream_that_nobody_reads_costs_nothing() {
    let (mut sieve, tally) = open();
    pour(&mut sieve, &data(1, b"0").repeat(20), 100);
    drop(Pieces::new(&tally, 1));
    assert_eq!(pour(&mut sieve, &data(1, b"0").repeat(50_000), 4096), b"");
    assert_eq!(sieve.owed, [(0, 50_004)], "it goes back to the connection");
    assert!(sieve.held.is_empty());
}

#[test]
fn frames_out_of_place_pass_so_that_they_are_found_out() {
    for frame in [data(0, b""), data(99, b""), frame(kind::DATA, PADDED, 1, &[9, 0]), frame(kind::DATA, PADDED, 1, b"")]
    {
        assert_eq!(pour(&mut open().0, &frame, 100), frame);
    }
    let (mut sieve, _) = open();
    let within =
        [frame(kind::HEADERS, 0, 5, HEAD), data(1, b""), frame(kind::CONTINUATION, END_HEADERS, 5, b"")].concat();
    assert_eq!(pour(&mut sieve, &within, 100), within);
}

#[test]
fn trailers_begin_with_a_field_behind_which_no_pseudo_field_may_stand() {
    let block = [0x84];
    for (flags, before, after) in [
        (0, &b""[..], &b""[..]),
        (PADDED, &[2], &[0, 0]),
        (PRIORITY, &[0, 0, 0, 0, 9], b""),
        (PADDED | PRIORITY, &[1, 0, 0, 0, 0, 9], &[0]),
        (0, &[0x20, 0x3f, 0xe1, 0x1f], b""),
    ] {
        let flags = flags | END_HEADERS | END_STREAM;
        let came = frame(kind::HEADERS, flags, 1, &[before, &block, after].concat());
        let expected = frame(kind::HEADERS, flags, 1, &[before, &[EMPTY_HOST], &block, after].concat());
        for step in [1, 9, 100] {
            assert_eq!(pour(&mut open().0, &came, step), expected);
        }
    }
}
