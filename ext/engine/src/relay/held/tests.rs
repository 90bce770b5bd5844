use std::future::poll_fn;
use std::path::Path;
use std::time::Duration;

use proxy_http::message::Framing;
use tokio::io::AsyncReadExt;

use super::*;
use crate::disk_threads::DiskThreads;
use crate::relay::memory_budget::SMALL_BLOCK;
use crate::stream::memory::{Manners, Pipe};
use crate::stream::{Http1Connection, Stream};
use crate::unnamed_file::BLOCK;

const MEMORY: usize = 10_000;

fn rules(disk: Option<(&Path, u64)>) -> HoldRules {
    let disk =
        disk.map(|(folder, most)| DiskRules { folder: Arc::from(folder), most, threads: DiskThreads::default() });
    HoldRules { memory: MEMORY, disk }
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i / 251 + i) as u8).collect()
}

/// Adds as much of `data` as is taken within a second in which the client takes nothing: how much that was.
async fn fill(held: &mut Held, data: &[u8], piece: usize) -> usize {
    let mut kept = 0;
    while kept < data.len() {
        let room = poll_fn(|cx| match (held.poll_disk(cx), held.room()) {
            (Err(error), _) => panic!("{error}"),
            (Ok(()), 0) => Poll::Pending,
            (Ok(()), room) => Poll::Ready(room),
        });
        let Ok(room) = tokio::time::timeout(Duration::from_secs(1), room).await else { break };
        let n = room.min(piece).min(data.len() - kept);
        held.keep(&data[kept..kept + n]);
        kept += n;
    }
    kept
}

/// What a client gets of it.
async fn drain(held: &mut Held) -> Result<Vec<u8>, Error> {
    let manners = Manners { delay: Default::default(), capacity: 5_000, piece: 3_000, keeps_unread: true };
    let (near, mut far) = Pipe::pair(manners, 1, &Arc::default());
    let mut connection = Http1Connection::new(Stream::Memory(near));
    connection.begin_body(Framing::UntilClose);
    let mut channel = Channel::Http1(connection);
    let sending = async {
        poll_fn(|cx| held.poll_send(cx, &mut channel)).await?;
        poll_fn(|cx| channel.poll_flush(cx)).await.expect("the client is there");
        drop(channel);
        Ok(())
    };
    let mut got = Vec::new();
    let (sent, _) = tokio::join!(sending, far.read_to_end(&mut got));
    sent.map(|()| got)
}

#[tokio::test]
async fn memory_takes_so_much_and_gives_it_back_in_order() {
    let budget = Rc::default();
    let mut held = Held::new(&rules(None), &budget);
    let data = pattern(MEMORY * 2);
    assert_eq!(fill(&mut held, &data, 700).await, MEMORY);
    assert_eq!(drain(&mut held).await.expect("no disk"), data[..MEMORY]);
    assert!(held.is_empty());
    assert_eq!(held.room(), MEMORY);
}

#[tokio::test]
async fn what_does_not_fit_goes_to_the_disk_and_comes_back_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    for len in [MEMORY + 1, MEMORY + BLOCK, 5 * BLOCK + 77] {
        for piece in [999, 60_000] {
            let budget = Rc::default();
            let mut held = Held::new(&rules(Some((folder.path(), 1 << 20))), &budget);
            let data = pattern(len);
            assert_eq!(fill(&mut held, &data, piece).await, len);
            assert!(drain(&mut held).await.expect("a disk") == data, "{len} in pieces of {piece}");
            assert!(held.is_empty() && held.take_trouble().is_none());
        }
    }
}

#[tokio::test]
async fn the_file_is_no_longer_than_it_may_be_and_is_used_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let most = 3 * BLOCK as u64 + 5;
    let budget = Rc::default();
    let mut held = Held::new(&rules(Some((folder.path(), most))), &budget);
    let data = pattern(10 * BLOCK);
    for _ in 0..2 {
        let kept = fill(&mut held, &data, 50_000).await;
        assert_eq!(kept, MEMORY + 3 * BLOCK + 5);
        assert!(drain(&mut held).await.expect("a disk") == data[..kept]);
    }
}

#[tokio::test]
async fn what_the_disk_does_not_take_stays_in_memory() {
    let budget = Rc::default();
    let mut held = Held::new(&rules(Some((Path::new("/nowhere/at/all"), 1 << 20))), &budget);
    let data = pattern(5 * BLOCK);
    let kept = fill(&mut held, &data, 50_000).await;
    assert!((MEMORY + BLOCK..MEMORY + 3 * BLOCK).contains(&kept), "{kept} bytes were taken");
    assert!(held.take_trouble().is_some() && held.take_trouble().is_none(), "it is told once");
    assert!(drain(&mut held).await.expect("nothing was lost") == data[..kept]);
    assert_eq!(held.room(), MEMORY);
}

#[tokio::test]
async fn little_waits_for_the_disk_while_the_memory_of_all_is_used_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let budget = Rc::new(MemoryBudget::of(MEMORY + 2 * BLOCK));
    let rules = rules(Some((folder.path(), 1 << 20)));
    let mut others = MemoryShare::of(&budget);
    let mut first = Held::new(&rules, &budget);
    let data = pattern(MEMORY + 3 * SMALL_BLOCK + 7);
    assert_eq!(fill(&mut first, &data[..MEMORY], MEMORY).await, MEMORY);
    assert_eq!(first.room(), BLOCK);
    others.take(2 * BLOCK);
    assert_eq!(first.room(), SMALL_BLOCK);
    assert_eq!(fill(&mut first, &data[MEMORY..], SMALL_BLOCK).await, data.len() - MEMORY);
    assert_eq!(first.room(), SMALL_BLOCK - 7);
    assert!(drain(&mut first).await.expect("a disk") == data);
}
