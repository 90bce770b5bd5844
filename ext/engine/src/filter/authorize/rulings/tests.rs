use super::*;
use crate::blocks::{BlockIndex, BlockLimits, BlockSet};

const MINUTE: Duration = Duration::from_secs(60);

fn rulings(keys: usize) -> Rulings {
    let limits = BlockLimits { threads: 1, queue: 1 };
    let block = BlockSet::default().block(BlockIndex(0), limits, "authorize", None);
    Rulings::new(block, Vec::new(), (MINUTE, MINUTE / 2), keys)
}

fn held(rulings: &Rulings) -> usize {
    rulings.shards.iter().map(|shard| shard.lock()).map(|shard| shard.young.len() + shard.old.len()).sum()
}

fn key(number: u32) -> Box<[u8]> {
    Box::new(number.to_be_bytes())
}

#[tokio::test(start_paused = true)]
async fn a_ruling_holds_for_its_time() {
    let rulings = rulings(100);
    rulings.keep(key(1), &Ruling::Pass);
    rulings.keep(key(2), &Ruling::Refuse(None));
    let known = |number| rulings.known(&key(number)).map(|ruling| ruling.is_pass());
    assert_eq!([1, 2, 3].map(known), [Some(true), Some(false), None]);
    tokio::time::sleep(MINUTE / 2).await;
    assert_eq!([1, 2].map(known), [Some(true), None]);
    tokio::time::sleep(MINUTE / 2).await;
    assert_eq!(known(1), None);
}

#[test]
fn memory_is_bounded_and_rulings_unused_longest_are_forgotten() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let _entered = runtime.enter();
    for most in [1_000, 10_000] {
        let rulings = rulings(most);
        rulings.keep(key(0), &Ruling::Pass);
        for number in 1..3 * most as u32 {
            rulings.keep(key(number), &Ruling::Pass);
            assert!(rulings.known(&key(0)).is_some(), "one that is used often, after {number}");
        }
        assert!(held(&rulings) <= most, "{}", held(&rulings));
        assert!(rulings.known(&key(1)).is_none());
    }
}

#[test]
fn equal_hashes_do_not_make_equal_keys() {
    let rulings = rulings(100);
    rulings.keep(key(1), &Ruling::Pass);
    let hash = xxh3_64_with_seed(&key(1), rulings.seed);
    let mut shard = rulings.shard(hash).lock();
    shard.young.get_mut(&hash).expect("the ruling").key = key(2);
    drop(shard);
    assert!(rulings.known(&key(1)).is_none());
}
