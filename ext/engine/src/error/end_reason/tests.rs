use std::io;
use std::time::Duration;

use proxy_http::message::Malformed;

use super::*;
use crate::error::{ConnectError, ConnectStep, Retry};

#[test]
fn words_are_lower_case_and_different() {
    let words: std::collections::BTreeSet<_> = EndReason::ALL.into_iter().map(EndReason::as_str).collect();
    assert_eq!(words.len(), EndReason::ALL.len());
    assert!(words.iter().all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')), "{words:?}");
    for (number, reason) in EndReason::ALL.into_iter().enumerate() {
        assert_eq!(reason as usize, number);
    }
}

#[test]
fn failures_of_each_side_have_their_word() {
    let connect = |kind| {
        let step = ConnectStep::Connect;
        Error::connect(ConnectError::new("10.0.0.1:80", step, kind, Duration::from_secs(1), None))
    };
    let backend = |kind| Error::backend(kind, Retry::Never);
    let us = |kind| Error { kind, side: Side::Us, retry: Retry::Never };
    let broken = || Kind::Io(io::ErrorKind::ConnectionReset.into());
    for (error, word) in [
        (Error::client(broken()), "client_closed"),
        (Error::client(Kind::Ended), "client_closed"),
        (Error::client(Kind::Timeout(Waited::ClientBody)), "client_timeout"),
        (Error::client(Kind::Timeout(Waited::ClientWrite)), "client_timeout"),
        (Error::client(Kind::Timeout(Waited::ClientRate)), "client_timeout"),
        (Error::client(Kind::Timeout(Waited::Call)), "backend_timeout"),
        (Error::client(Kind::Malformed(Malformed::StatusLine)), "malformed"),
        (Error::client(Kind::BodyTooLarge), "limit"),
        (connect(ConnectErrorKind::Refused), "backend_refused"),
        (connect(ConnectErrorKind::Unreachable), "backend_refused"),
        (connect(ConnectErrorKind::Tls), "backend_refused"),
        (connect(ConnectErrorKind::Timeout), "backend_timeout"),
        (connect(ConnectErrorKind::Protocol), "backend_error"),
        (connect(ConnectErrorKind::Exhausted), "internal_error"),
        (backend(broken()), "backend_cut"),
        (backend(Kind::Ended), "backend_cut"),
        (backend(Kind::Unserved), "backend_cut"),
        (backend(Kind::Refused), "backend_refused"),
        (backend(Kind::Timeout(Waited::Read)), "backend_timeout"),
        (backend(Kind::Malformed(Malformed::StatusLine)), "backend_error"),
        (backend(Kind::Foreign), "backend_error"),
        (us(Kind::Unavailable), "backend_refused"),
        (us(Kind::Crowded), "queue_full"),
        (us(Kind::QueueTimeout), "queue_timeout"),
        (us(Kind::Held), "queue_timeout"),
        (us(Kind::Target), "internal_error"),
        (us(Kind::Stopping), "shutdown"),
    ] {
        assert_eq!(EndReason::from(&error).as_str(), word, "{error:?}");
    }
}
