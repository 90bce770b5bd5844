use std::io;
use std::time::Duration;

use super::*;
use crate::error::{ConnectError, ConnectErrorKind, ConnectStep, Retry};

/// Every cause with its status, written down a second time: a change here is a change that clients see.
#[test]
fn each_cause_has_its_status() {
    let expected = [
        (Cause::Malformed, 400),
        (Cause::AmbiguousPath, 400),
        (Cause::AmbiguousKey, 400),
        (Cause::NoRedirectTarget, 400),
        (Cause::PlainHttp, 400),
        (Cause::Unauthorized, 401),
        (Cause::Forbidden, 403),
        (Cause::NoHandler, 404),
        (Cause::Method, 405),
        (Cause::ClientTimeout, 408),
        (Cause::BodyTooLong, 413),
        (Cause::TargetTooLong, 414),
        (Cause::Expectation, 417),
        (Cause::Misdirected, 421),
        (Cause::TooManyRequests, 429),
        (Cause::HeadTooLarge, 431),
        (Cause::ClientGone, 499),
        (Cause::Internal, 500),
        (Cause::NoTunnel, 501),
        (Cause::BadGateway, 502),
        (Cause::Unavailable, 503),
        (Cause::Unruled, 503),
        (Cause::TooManyPasswords, 503),
        (Cause::GatewayTimeout, 504),
        (Cause::Version, 505),
    ];
    assert_eq!(Cause::ALL, expected);
}

#[test]
fn a_malformed_message_is_answered_by_what_is_wrong_with_it() {
    for (why, cause) in [
        (Malformed::BareLf, Cause::Malformed),
        (Malformed::TwoFramings, Cause::Malformed),
        (Malformed::TooManyFields, Cause::HeadTooLarge),
        (Malformed::Version, Cause::Version),
    ] {
        assert_eq!(Cause::from(why), cause, "{why}");
    }
}

#[test]
fn each_failure_has_its_cause() {
    let connect =
        |kind| Kind::Connect(ConnectError::new("a:1", ConnectStep::Connect, kind, Duration::from_secs(1), None));
    let broken = || Kind::Io(io::ErrorKind::ConnectionReset.into());
    for (side, kind, cause) in [
        (Side::Client, Kind::BodyTooLarge, Cause::BodyTooLong),
        (Side::Client, Kind::Malformed(Malformed::ChunkSize), Cause::Malformed),
        (Side::Client, Kind::TooLarge, Cause::Malformed),
        (Side::Client, Kind::Timeout(Waited::ClientBody), Cause::ClientTimeout),
        (Side::Client, Kind::Timeout(Waited::ClientRate), Cause::ClientTimeout),
        (Side::Client, Kind::Timeout(Waited::Call), Cause::GatewayTimeout),
        (Side::Client, Kind::Ended, Cause::ClientGone),
        (Side::Client, broken(), Cause::ClientGone),
        (Side::Backend, connect(ConnectErrorKind::Refused), Cause::BadGateway),
        (Side::Backend, connect(ConnectErrorKind::Tls), Cause::BadGateway),
        (Side::Backend, connect(ConnectErrorKind::Timeout), Cause::GatewayTimeout),
        (Side::Backend, connect(ConnectErrorKind::Exhausted), Cause::Unavailable),
        (Side::Backend, Kind::NoAddress, Cause::BadGateway),
        (Side::Backend, broken(), Cause::BadGateway),
        (Side::Backend, Kind::Ended, Cause::BadGateway),
        (Side::Backend, Kind::Refused, Cause::BadGateway),
        (Side::Backend, Kind::Unserved, Cause::BadGateway),
        (Side::Backend, Kind::Foreign, Cause::BadGateway),
        (Side::Backend, Kind::NoUpgrade, Cause::BadGateway),
        (Side::Backend, Kind::Malformed(Malformed::StatusLine), Cause::BadGateway),
        (Side::Backend, Kind::TooLarge, Cause::BadGateway),
        (Side::Backend, Kind::Timeout(Waited::Response), Cause::GatewayTimeout),
        (Side::Backend, Kind::Timeout(Waited::Read), Cause::GatewayTimeout),
        (Side::Backend, Kind::Timeout(Waited::Write), Cause::GatewayTimeout),
        (Side::Backend, Kind::Timeout(Waited::Room), Cause::GatewayTimeout),
        (Side::Us, Kind::Unavailable, Cause::Unavailable),
        (Side::Us, Kind::Crowded, Cause::Unavailable),
        (Side::Us, Kind::QueueTimeout, Cause::Unavailable),
        (Side::Us, Kind::Held, Cause::Unavailable),
        (Side::Us, Kind::Target, Cause::BadGateway),
        (Side::Us, Kind::Disk(std::io::ErrorKind::StorageFull.into()), Cause::Unavailable),
        (Side::Us, Kind::Stopping, Cause::BadGateway),
    ] {
        let error = Error { kind, side, retry: Retry::Never };
        assert_eq!(Cause::from(&error), cause, "{side:?} {error}");
    }
}
