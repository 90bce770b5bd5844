use proptest::prelude::*;

use super::*;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A header of version 2.
fn v2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let mut header = SIGNATURE.to_vec();
    header.extend_from_slice(&[command, family]);
    header.extend_from_slice(&(block.len() as u16).to_be_bytes());
    header.extend_from_slice(block);
    header
}

/// The addresses of `PROXY TCP4 192.0.2.7 192.0.2.1 52114 443`, followed by `pieces`.
fn tcp4(pieces: &[u8]) -> Vec<u8> {
    let mut block = vec![192, 0, 2, 7, 192, 0, 2, 1, 0xcb, 0x92, 0x01, 0xbb];
    block.extend_from_slice(pieces);
    v2(0x21, 0x11, &block)
}

fn client(source: &str, destination: &str) -> Whose {
    Whose::Client { source: source.parse().expect(source), destination: destination.parse().expect(destination) }
}

#[test]
fn lines_of_version_1_are_read() {
    for (line, expected) in [
        ("PROXY TCP4 192.0.2.7 192.0.2.1 52114 443\r\n", client("192.0.2.7:52114", "192.0.2.1:443")),
        ("PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n", client("0.0.0.0:0", "255.255.255.255:65535")),
        ("PROXY TCP6 2001:db8::7 ::1 52114 443\r\n", client("[2001:db8::7]:52114", "[::1]:443")),
        (
            "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 \
             65535\r\n",
            client(
                "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
                "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
            ),
        ),
        ("PROXY UNKNOWN\r\n", Whose::Unknown),
        ("PROXY UNKNOWN ffff::1 anything at all\r\n", Whose::Unknown),
    ] {
        assert_eq!(parse(line.as_bytes()), Ok(Parsed::Whole(line.len(), expected)), "{line}");
        let behind = format!("{line}GET / HTTP/1.1\r\n");
        assert_eq!(parse(behind.as_bytes()), Ok(Parsed::Whole(line.len(), expected)), "{line}");
        for end in 0..line.len() {
            assert_eq!(parse(&line.as_bytes()[..end]), Ok(Parsed::Part), "{line}: {end}");
        }
    }
}

#[test]
fn what_is_no_line_of_version_1_is_refused() {
    for line in [
        "GET / HTTP/1.1\r\n",
        "PRI * HTTP/2.0\r\n",
        "PROXY\r\n",
        "PROXY  TCP4 192.0.2.7 192.0.2.1 52114 443\r\n",
        "proxy TCP4 192.0.2.7 192.0.2.1 52114 443\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 52114 443\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 52114\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 52114 443 \r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 52114 443 1\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 52114 65536\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 052114 443\r\n",
        "PROXY TCP4 192.0.2.7 192.0.2.1 +5211 443\r\n",
        "PROXY TCP4 192.0.2.07 192.0.2.1 52114 443\r\n",
        "PROXY TCP4 192.0.2.256 192.0.2.1 52114 443\r\n",
        "PROXY TCP4 192.0.2 192.0.2.1 52114 443\r\n",
        "PROXY TCP4 ::1 ::1 52114 443\r\n",
        "PROXY TCP6 192.0.2.7 192.0.2.1 52114 443\r\n",
        "PROXY TCP6 fe80::1%eth0 ::1 52114 443\r\n",
        "PROXY TCP6 [::1] [::1] 52114 443\r\n",
        "PROXY UDP4 192.0.2.7 192.0.2.1 52114 443\r\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY TCP4 192.0.2.7\0 192.0.2.1 52114 443\r\n",
        "PROXY \n",
        "\r\nPROXY UNKNOWN\r\n",
    ] {
        assert!(parse(line.as_bytes()).is_err(), "{line:?}");
    }
    let endless = format!("PROXY UNKNOWN {}", "x".repeat(93));
    assert_eq!(parse(&endless.as_bytes()[..106]), Ok(Parsed::Part));
    assert!(parse(endless.as_bytes()).is_err());
}

#[test]
fn headers_of_version_2_are_read() {
    let tcp6 = [[0x20; 16], [0x11; 16]].concat();
    let tcp6 = v2(0x21, 0x21, &[&tcp6[..], &[0xcb, 0x92, 0x01, 0xbb]].concat());
    let noop = [0x04, 0, 2, 9, 9];
    for (header, expected) in [
        (tcp4(&[]), client("192.0.2.7:52114", "192.0.2.1:443")),
        (tcp4(&noop), client("192.0.2.7:52114", "192.0.2.1:443")),
        (tcp4(&[0x04, 0, 0]), client("192.0.2.7:52114", "192.0.2.1:443")),
        (
            tcp6,
            client("[2020:2020:2020:2020:2020:2020:2020:2020]:52114", "[1111:1111:1111:1111:1111:1111:1111:1111]:443"),
        ),
        (v2(0x20, 0x00, &[]), Whose::Own),
        (v2(0x20, 0x11, &[1, 2, 3]), Whose::Own),
        (v2(0x20, 0xff, &noop), Whose::Own),
        (v2(0x21, 0x00, &[]), Whose::Unknown),
        (v2(0x21, 0x00, &noop), Whose::Unknown),
        (v2(0x21, 0x12, &[0; 12]), Whose::Unknown),
        (v2(0x21, 0x31, &[0; 216]), Whose::Unix),
    ] {
        assert_eq!(parse(&header), Ok(Parsed::Whole(header.len(), expected)), "{header:02x?}");
        let behind = [&header[..], b"\x16\x03\x01"].concat();
        assert_eq!(parse(&behind), Ok(Parsed::Whole(header.len(), expected)), "{header:02x?}");
        for end in 0..header.len() {
            assert_eq!(parse(&header[..end]), Ok(Parsed::Part), "{header:02x?}: {end}");
        }
    }
}

#[test]
fn what_is_no_header_of_version_2_is_refused() {
    for header in [
        v2(0x11, 0x11, &[0; 12]),
        v2(0x31, 0x11, &[0; 12]),
        v2(0x22, 0x11, &[0; 12]),
        v2(0x21, 0x11, &[0; 11]),
        v2(0x21, 0x21, &[0; 35]),
        v2(0x21, 0x31, &[0; 215]),
        v2(0x21, 0x10, &[0; 12]),
        v2(0x21, 0x13, &[0; 12]),
        v2(0x21, 0x41, &[0; 12]),
        v2(0x21, 0x01, &[0; 12]),
        tcp4(&[0x04]),
        tcp4(&[0x04, 0]),
        tcp4(&[0x04, 0, 1]),
        tcp4(&[0x04, 0xff, 0xff, 0]),
        tcp4(&[0x04, 0, 1, 0, 0x04]),
        v2(0x21, 0x11, &[0; LONGEST - 15]),
        b"\r\n\r\n\0\r\nQUIT\r\n\x20\0\0\0".to_vec(),
    ] {
        assert!(parse(&header).is_err(), "{header:02x?}");
    }
    // The error comes before the whole header has come.
    assert!(parse(&v2(0x21, 0x11, &[0; LONGEST - 15])[..16]).is_err());
}

#[test]
fn the_longest_header_is_read() {
    let mut pieces = vec![0x04];
    pieces.extend_from_slice(&((LONGEST - 16 - 12 - 3) as u16).to_be_bytes());
    pieces.resize(LONGEST - 16 - 12, 0);
    let header = tcp4(&pieces);
    assert_eq!(parse(&header), Ok(Parsed::Whole(LONGEST, client("192.0.2.7:52114", "192.0.2.1:443"))));
}

#[test]
fn a_checksum_that_is_there_must_be_right() {
    let sum = |header: &[u8]| crc::Crc::<u32>::new(&crc::CRC_32_ISCSI).checksum(header).to_be_bytes();
    let mut header = tcp4(&[0x04, 0, 1, 7, 0x03, 0, 4, 0, 0, 0, 0]);
    let right = sum(&header);
    let at = header.len() - 4;
    header[at..].copy_from_slice(&right);
    assert_eq!(parse(&header), Ok(Parsed::Whole(header.len(), client("192.0.2.7:52114", "192.0.2.1:443"))));
    for broken in [at, 16, 31] {
        header[broken] ^= 1;
        assert_eq!(parse(&header), Err(MalformedHeader("the checksum is wrong")), "{broken}");
        header[broken] ^= 1;
    }
    for pieces in [&[0x03, 0, 3, 0, 0, 0][..], &[0x03, 0, 0], &[0x03, 0, 5, 0, 0, 0, 0, 0]] {
        assert_eq!(parse(&tcp4(pieces)), Err(MalformedHeader("the checksum is not four bytes long")));
    }
}

#[test]
fn what_is_written_for_those_without_an_address_says_that_it_is_our_own() {
    for whose in [Whose::Own, Whose::Unknown, Whose::Unix] {
        let (mut v1, mut v2) = (Vec::new(), Vec::new());
        Form::V1.write(&whose, &mut v1);
        Form::V2.write(&whose, &mut v2);
        assert_eq!(v1, b"PROXY UNKNOWN\r\n");
        assert_eq!(parse(&v2), Ok(Parsed::Whole(16, Whose::Own)));
    }
}

#[test]
fn an_ipv4_address_beside_an_ipv6_one_is_written_as_ipv6() {
    let mut line = Vec::new();
    Form::V1.write(&client("192.0.2.7:1", "[2001:db8::1]:443"), &mut line);
    assert_eq!(line, b"PROXY TCP6 ::ffff:192.0.2.7 2001:db8::1 1 443\r\n");
}

proptest! {
    #[test]
    fn what_is_written_is_read(source: SocketAddr, destination: SocketAddr, second: bool, behind: Vec<u8>) {
        let source = SocketAddr::new(source.ip(), source.port());
        let destination = SocketAddr::new(destination.ip(), destination.port());
        let (source, destination) = of_one_family(source, destination);
        let whose = Whose::Client { source, destination };
        let mut bytes = Vec::new();
        if second { Form::V2 } else { Form::V1 }.write(&whose, &mut bytes);
        let len = bytes.len();
        bytes.extend_from_slice(&behind);
        prop_assert_eq!(parse(&bytes), Ok(Parsed::Whole(len, whose)));
    }

    #[test]
    fn pieces_are_judged_like_the_whole(
        start in prop_oneof![Just(SIGNATURE.to_vec()), Just(b"PROXY ".to_vec()), Just(Vec::new())],
        rest: Vec<u8>,
        step in 1_usize..40,
    ) {
        let bytes = [start, rest].concat();
        let whole = parse(&bytes);
        for end in (0..bytes.len()).step_by(step) {
            match parse(&bytes[..end]) {
                Ok(Parsed::Part) => {}
                early => prop_assert_eq!(early, whole),
            }
        }
    }
}
