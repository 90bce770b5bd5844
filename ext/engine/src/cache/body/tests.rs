use std::future::poll_fn;
use std::task::{Context, Poll};

use super::passing::MOST;
use super::*;
use crate::disk_threads::DiskThreads;
use crate::relay::DiskRules;

fn poll(reader: &mut BodyReader) -> Poll<Result<Option<Bytes>, CutBody>> {
    let polled = reader.poll_piece(&mut Context::from_waker(Waker::noop()));
    if let Poll::Ready(Ok(Some(piece))) = &polled {
        reader.consume(piece.len());
    }
    polled
}

fn piece(text: &'static str) -> Poll<Result<Option<Bytes>, CutBody>> {
    Poll::Ready(Ok(Some(Bytes::from_static(text.as_bytes()))))
}

#[test]
fn readers_get_what_comes_as_it_comes() {
    let body = Body::begin(None);
    let mut first = BodyReader::new(&body, 0, None).expect("a reader");
    assert!(poll(&mut first).is_pending());
    body.push(Bytes::from_static(b"abc"));
    assert_eq!(poll(&mut first), piece("abc"));
    body.push(Bytes::from_static(b"def"));
    let mut part = BodyReader::new(&body, 2, Some(5)).expect("a reader");
    assert_eq!(poll(&mut part), piece("c"));
    assert_eq!(poll(&mut part), piece("de"));
    assert_eq!(poll(&mut part), Poll::Ready(Ok(None)));
    body.finish();
    assert_eq!(poll(&mut first), piece("def"));
    assert_eq!(poll(&mut first), Poll::Ready(Ok(None)));
    let mut late = BodyReader::new(&body, 0, None).expect("a reader");
    assert_eq!(poll(&mut late), piece("abcdef"));
    assert_eq!(body.length(), Some(6));
}

#[test]
fn nobody_misses_the_last_piece() {
    let whole = b"the last piece";
    for _ in 0..200 {
        let body = Body::begin(None);
        let mut reader = BodyReader::new(&body, 0, None).expect("a reader");
        let filling = std::thread::spawn({
            let body = Arc::clone(&body);
            move || {
                body.push(Bytes::from_static(whole));
                body.finish();
            }
        });
        let mut read = Vec::new();
        loop {
            match poll(&mut reader) {
                Poll::Pending => std::hint::spin_loop(),
                Poll::Ready(Ok(Some(piece))) => read.extend_from_slice(&piece),
                Poll::Ready(end) => break assert_eq!(end, Ok(None)),
            }
        }
        assert_eq!(read, whole);
        filling.join().expect("it is filled");
    }
}

#[test]
fn a_cut_body_is_never_taken_for_a_whole_one() {
    let body = Body::begin(Some(6));
    let mut reader = BodyReader::new(&body, 0, None).expect("a reader");
    body.push(Bytes::from_static(b"abc"));
    body.cut();
    assert_eq!(poll(&mut reader), piece("abc"));
    assert_eq!(poll(&mut reader), Poll::Ready(Err(CutBody::Incomplete)));
    assert!(body.whole().is_none());
}

/// Rules for a file of at most `most` bytes in `folder`.
fn rules(folder: &std::path::Path, most: u64) -> LagRules {
    let disk = DiskRules { folder: Arc::from(folder), most, threads: DiskThreads::default() };
    LagRules { disk, takes_in: false }
}

#[test]
fn a_body_that_is_too_long_waits_for_its_only_reader_and_is_dropped_behind_it() {
    let body = Body::begin(None);
    let mut reader = BodyReader::new(&body, 0, None).expect("a reader");
    let cx = &mut Context::from_waker(Waker::noop());
    body.push(Bytes::from(vec![b'x'; WINDOW as usize]));
    assert_eq!(body.poll_room(cx), Poll::Ready(Appetite::More), "it is still to be stored");
    body.pass(rules("/nowhere".as_ref(), 0));
    assert!(BodyReader::new(&body, 0, None).is_none(), "nobody can join");
    assert!(body.poll_room(cx).is_pending());
    assert!(poll(&mut reader).is_ready());
    assert_eq!(body.poll_room(cx), Poll::Ready(Appetite::More));
    assert!(body.growing.lock().pieces.is_empty());
    drop(reader);
    assert_eq!(body.poll_room(cx), Poll::Ready(Appetite::Nobody));
    body.finish();
    assert!(body.whole().is_none());
}

/// The byte of a body at a position.
fn byte(position: u64) -> u8 {
    (position % 251) as u8
}

/// Reads until `to`, and compares.
async fn read(reader: &mut BodyReader, at: &mut u64, to: u64) -> Result<(), CutBody> {
    while *at < to {
        let Some(piece) = poll_fn(|cx| reader.poll_piece(cx)).await? else { panic!("it ends at {at}") };
        let most = piece.len().min((to - *at) as usize);
        assert!(piece[..most].iter().enumerate().all(|(n, b)| *b == byte(*at + n as u64)), "the bytes from {at} on");
        reader.consume(most);
        *at += most as u64;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_too_long_comes_as_its_fastest_reader_wants_it_and_slower_ones_find_it_on_the_disk() {
    const PIECE: u64 = 50_000;
    let folder = tempfile::tempdir().expect("a folder");
    let body = Body::begin(None);
    let reader = || BodyReader::new(&body, 0, None).expect("a reader");
    let (mut fast, mut slow, mut stopped) = (reader(), reader(), reader());
    // The file is used many times over.
    let most = 3 * BLOCK as u64 + 1000;
    body.pass(rules(folder.path(), most));
    let (mut fast_at, mut slow_at, mut stopped_at) = (0, 0, 0);
    for number in 0..200 {
        assert_eq!(body.room().await, Appetite::More);
        body.push((number * PIECE..(number + 1) * PIECE).map(byte).collect());
        read(&mut fast, &mut fast_at, (number + 1) * PIECE).await.expect("all of it");
        let behind = fast_at.saturating_sub(WINDOW + 2 * BLOCK as u64);
        read(&mut slow, &mut slow_at, behind).await.expect("what it has missed");
        let kept = {
            let growing = body.growing.lock();
            growing.length - growing.first_kept()
        };
        assert!(kept < MOST + PIECE, "{kept} bytes in memory");
    }
    body.finish();
    assert_eq!(read(&mut stopped, &mut stopped_at, 1).await, Err(CutBody::Behind));
    read(&mut slow, &mut slow_at, 200 * PIECE).await.expect("the rest");
    assert_eq!(poll(&mut slow), Poll::Ready(Ok(None)));
    assert_eq!(poll(&mut fast), Poll::Ready(Ok(None)));
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_takes_nothing_costs_only_the_slow_readers() {
    let body = Body::begin(None);
    let reader = || BodyReader::new(&body, 0, None).expect("a reader");
    let (mut fast, mut slow) = (reader(), reader());
    body.pass(rules("/nowhere/at/all".as_ref(), u64::MAX));
    let mut at = 0;
    for number in 0..40 {
        assert_eq!(body.room().await, Appetite::More);
        body.push((number * 50_000..(number + 1) * 50_000).map(byte).collect());
        read(&mut fast, &mut at, (number + 1) * 50_000).await.expect("all of it");
    }
    assert_eq!(body.take_trouble().map(|error| error.kind()), Some(std::io::ErrorKind::NotFound));
    assert!(body.take_trouble().is_none(), "it is told once");
    assert_eq!(poll(&mut slow), Poll::Ready(Err(CutBody::Behind)));
    assert_eq!(body.readers(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_taken_in_comes_ahead_of_its_only_reader_until_the_disk_is_full() {
    let folder = tempfile::tempdir().expect("a folder");
    for most in [20 * BLOCK as u64, u64::MAX] {
        let body = Body::begin(None);
        let mut reader = BodyReader::new(&body, 0, None).expect("a reader");
        body.pass(LagRules { takes_in: true, ..rules(folder.path(), most) });
        let (mut length, mut at) = (0, 0);
        while length < 10_000_000 {
            let room = tokio::time::timeout(std::time::Duration::from_secs(60), body.room()).await;
            if room.is_err() {
                break;
            }
            body.push((length..length + 50_000).map(byte).collect());
            length += 50_000;
        }
        let expected = if most == u64::MAX { 10_000_000..10_000_001 } else { most..most + MOST + 50_000 };
        assert!(expected.contains(&length), "{length} of {most}");
        read(&mut reader, &mut at, 100_000).await.expect("the beginning");
        read(&mut reader, &mut at, length).await.expect("all of it");
        assert_eq!(body.room().await, Appetite::More, "it goes on");
        body.finish();
        assert_eq!(poll(&mut reader), Poll::Ready(Ok(None)));
    }
}
