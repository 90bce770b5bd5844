use super::*;

fn header(first: u8, len: u64, mask: bool) -> Vec<u8> {
    let mut header = vec![first];
    let masked = if mask { MASKED } else { 0 };
    match len {
        0..=125 => header.push(masked | len as u8),
        126..=65_535 => {
            header.push(masked | 126);
            header.extend((len as u16).to_be_bytes());
        }
        _ => {
            header.push(masked | 127);
            header.extend(len.to_be_bytes());
        }
    }
    header.extend(if mask { &[1, 2, 3, 4][..] } else { &[] });
    header
}

fn frame(first: u8, len: u64, mask: bool) -> Vec<u8> {
    let mut frame = header(first, len, mask);
    frame.resize(frame.len() + len as usize, 0xff);
    frame
}

#[test]
fn frames_of_every_length_end_where_they_end_however_they_are_cut() {
    for sender in [Sender::Client, Sender::Server] {
        for len in [0, 1, 125, 126, 127, 65_535, 65_536] {
            let bytes = frame(0x82, len, sender == Sender::Client);
            for piece in [1, 2, 3, 7, bytes.len()] {
                let mut frames = WebSocketFrames::of(sender);
                let mut passed = 0;
                for piece in bytes.chunks(piece) {
                    assert_eq!(frames.is_between(), passed == 0, "{len}, {passed}");
                    frames.pass(piece);
                    passed += piece.len();
                }
                assert!(frames.is_between() && !frames.is_closed(), "{sender:?} {len}");
            }
        }
    }
}

#[test]
fn a_close_is_seen_once_it_is_whole() {
    let mut frames = WebSocketFrames::of(Sender::Server);
    frames.pass(&frame(0x01, 10, false));
    frames.pass(&[0x88, 2, 3]);
    assert!(!frames.is_between() && !frames.is_closed());
    frames.pass(&[0xe8]);
    assert!(frames.is_between() && frames.is_closed());

    let mut frames = WebSocketFrames::of(Sender::Client);
    frames.pass(&frame(0x88, 0, true));
    assert!(frames.is_closed());
}

#[test]
fn the_rest_of_a_frame_ends_before_the_next() {
    let mut frames = WebSocketFrames::of(Sender::Server);
    let both = [frame(0x01, 300, false), frame(0x82, 3, false)].concat();
    assert_eq!(frames.rest_of_frame(&both), 0, "none has begun");
    frames.pass(&both[..1]);
    assert_eq!(frames.rest_of_frame(&both[1..]), 303);
    assert_eq!(frames.rest_of_frame(&both[1..2]), 1);
    frames.pass(&both[1..100]);
    assert_eq!(frames.rest_of_frame(&both[100..]), 204);
}

#[test]
fn what_is_no_websocket_has_no_place_for_a_frame() {
    for bytes in [
        &b"SSH-2.0-OpenSSH\r\n"[..],
        &frame(0x82, 1, true),
        &frame(0x83, 1, false),
        &frame(0x08, 0, false),
        &header(0x89, 126, false),
        &header(0x82, 1 << 63, false),
    ] {
        let mut frames = WebSocketFrames::of(Sender::Server);
        frames.pass(bytes);
        assert!(!frames.is_between(), "{bytes:?}");
        frames.pass(&[0x88, 0]);
        assert!(!frames.is_between() && !frames.is_closed(), "{bytes:?}");
        assert_eq!(frames.rest_of_frame(&[0; 9]), 0);
    }
}

#[test]
fn the_farewell_is_a_frame_of_its_sender() {
    for sender in [Sender::Client, Sender::Server] {
        let bytes = going_away(sender);
        let mut frames = WebSocketFrames::of(sender);
        frames.pass(&bytes);
        assert!(frames.is_between() && frames.is_closed(), "{bytes:?}");
    }
    assert_eq!(going_away(Sender::Server), [0x88, 2, 0x03, 0xe9]);
    let masked = going_away(Sender::Client);
    assert_eq!([masked[6] ^ masked[2], masked[7] ^ masked[3]], [0x03, 0xe9]);
    assert_ne!(going_away(Sender::Client), masked, "each mask is another one");
}
