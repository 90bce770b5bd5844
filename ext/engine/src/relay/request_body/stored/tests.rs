use std::future::poll_fn;

use super::*;
use crate::disk_threads::DiskThreads;
use crate::relay::memory_budget::SMALL_BLOCK;
use crate::unnamed_file::BLOCK;

/// Takes in so many bytes: the most that were in memory.
async fn take_in(budget: &Rc<MemoryBudget>, len: usize) -> usize {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = DiskRules { folder: Arc::from(folder.path()), most: 1 << 30, threads: DiskThreads::default() };
    let mut body = StoredBody::new(rules, budget);
    let mut most = 0;
    while body.len() < len as u64 {
        poll_fn(|cx| body.poll_write(cx)).await.expect("the disk takes it");
        body.keep(&vec![b'a'; body.room().min(len)]);
        most = most.max(body.tail.len());
        assert!(body.room() > 0 || body.tail.len() >= body.share.block(), "the next call writes it");
    }
    most
}

#[tokio::test]
async fn what_waits_for_the_disk_is_less_while_memory_is_used_up() {
    let budget = Rc::new(MemoryBudget::of(10 * BLOCK));
    assert_eq!(take_in(&budget, 3 * BLOCK).await, BLOCK);
    assert_eq!(MemoryShare::of(&budget).left(), 10 * BLOCK);

    let mut others = MemoryShare::of(&budget);
    others.take(10 * BLOCK);
    assert_eq!(take_in(&budget, 3 * BLOCK).await, SMALL_BLOCK);
    drop(others);
    assert_eq!(MemoryShare::of(&budget).left(), 10 * BLOCK);
}

#[tokio::test]
async fn the_tails_of_bodies_count() {
    let budget = Rc::new(MemoryBudget::of(10 * BLOCK));
    let rules =
        || DiskRules { folder: Arc::from(std::env::temp_dir()), most: 1 << 30, threads: DiskThreads::default() };
    let mut bodies: Vec<_> = (0..20).map(|_| StoredBody::new(rules(), &budget)).collect();
    for body in &mut bodies {
        body.keep(&vec![b'a'; body.room()]);
    }
    let tails: Vec<_> = bodies.iter().map(|body| body.tail.len()).collect();
    assert_eq!(tails[..10], [BLOCK; 10]);
    assert_eq!(tails[10..], [SMALL_BLOCK; 10]);
}
