use std::fs;
use std::os::unix::fs::FileExt;

use bytes::Bytes;
use proxy_http::message::ResponseHead;

use super::super::body::Body;
use super::super::entry::{AnswerPlace, Circumstances};
use super::super::freshness::Freshness;
use super::super::vary::Vary;
use super::layout::PURGED_AT;
use super::*;

const KEY: &[u8] = b"http://a.example/x\nde";
const MEMORY: u64 = 1000;

fn fields(lines: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::default();
    lines.iter().for_each(|(name, value)| fields.append(*name, value.as_bytes()));
    fields
}

fn place() -> AnswerPlace {
    AnswerPlace {
        location: "r".into(),
        upstream: "u".into(),
        authority: b"b".as_slice().into(),
        path: b"/".as_slice().into(),
    }
}

fn entry(body: Arc<Body>, lifetime: u64, etag: &str) -> Arc<CacheEntry> {
    let head = ResponseHead { status: 200, fields: fields(&[("ETag", etag)]), ..ResponseHead::default() };
    let of = Circumstances {
        freshness: Freshness { received: 5, lifetime, ..Freshness::default() },
        vary: Vary::of(&fields(&[("Vary", "Foo")]), &fields(&[("Foo", "1")]), &fields(&[("Foo", "1")]))
            .expect("it may be stored"),
        place: place(),
        tags: Box::new([b"post-1".as_slice().into()]),
    };
    CacheEntry::new(&head, body, of)
}

fn body(length: usize) -> Bytes {
    (0..length).map(|n| (n % 251) as u8).collect::<Vec<_>>().into()
}

struct Tried {
    tier: Arc<DiskTier>,
    folder: tempfile::TempDir,
}

impl Tried {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { tier: opened(folder.path(), 1 << 20), folder }
    }

    fn find(&self) -> Option<Arc<CacheEntry>> {
        found(&self.tier, "1")
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder").flatten() {
                let path = entry.path();
                match path.is_dir() {
                    true => folders.push(path),
                    false if path.to_string_lossy().contains("writing") => {}
                    false => files.push(path),
                }
            }
        }
        files
    }

    /// The same folder, as another process finds it.
    fn again(&mut self) {
        self.tier = opened(self.folder.path(), 1 << 20);
    }
}

fn opened(path: &Path, size: u64) -> Arc<DiskTier> {
    let limits = TierLimits { size, max_object: size };
    let tier = DiskTier::open(path, limits).expect("a tier");
    tier.start(limits, &Log::new(crate::log::Level::Error));
    tier.rest(Duration::from_secs(10));
    tier
}

fn found(tier: &DiskTier, varied: &str) -> Option<Arc<CacheEntry>> {
    tier.state.look_up(KEY, &place(), &fields(&[("Foo", varied)]), MEMORY)
}

fn keep(tier: &DiskTier, entry: &Arc<CacheEntry>) {
    tier.keep(KEY, entry);
    tier.rest(Duration::from_secs(10));
}

async fn record(tier: &DiskTier, bytes: &Bytes) -> bool {
    let growing = Body::begin_large(None);
    let entry = entry(Arc::clone(&growing), 10, "\"big\"");
    let spool = tier.record(KEY, &entry).expect("a file");
    growing.write_to(&spool);
    for piece in bytes.chunks(10_000) {
        growing.push(bytes.slice_ref(piece));
        assert!(spool.push(bytes.slice_ref(piece)));
    }
    growing.finish();
    tier.name(spool, KEY, &entry).expect("there is room").await.expect("it is done")
}

#[test]
fn a_response_comes_back_whole_and_for_the_same_requests_only() {
    let mut tried = Tried::new();
    assert!(!tried.tier.may_have(KEY));
    keep(&tried.tier, &entry(Body::of(body(700)), 10, "\"a\""));
    for _ in 0..2 {
        let entry = tried.find().expect("it is there");
        assert_eq!(entry.body.whole(), Some(&body(700)));
        assert_eq!(
            (entry.fields().get("ETag"), entry.freshness.lifetime, entry.has_tag(b"post-1")),
            (Some(&b"\"a\""[..]), 10, true)
        );
        assert!(found(&tried.tier, "2").is_none(), "Vary");
        let other = tried.tier.state.look_up(b"http://a.example/x\nen", &place(), &fields(&[("Foo", "1")]), MEMORY);
        assert!(other.is_none());
        tried.again();
        assert!(tried.tier.may_have(KEY));
    }
    assert_eq!(tried.tier.figures()[..2], [4096, 1]);
}

#[test]
fn a_file_that_is_not_whole_is_removed() {
    type Damage = fn(&fs::File, u64);
    let damages: [Damage; 7] = [
        |file, length| file.set_len(length - 1).expect("set"),
        |file, length| file.set_len(length + 1).expect("set"),
        |file, _| file.set_len(0).expect("set"),
        |file, _| file.set_len(10).expect("set"),
        |file, _| file.write_all_at(b"x", 3).expect("written"),
        |file, _| file.write_all_at(b"x", 100).expect("written"),
        |file, length| file.write_all_at(b"\xff", length - 1).expect("written"),
    ];
    for (number, damage) in damages.iter().enumerate() {
        for restart in [false, true] {
            let mut tried = Tried::new();
            keep(&tried.tier, &entry(Body::of(body(700)), 10, "\"a\""));
            let path = tried.files().pop().expect("a file");
            let file = fs::OpenOptions::new().write(true).open(&path).expect("a file");
            damage(&file, file.metadata().expect("it").len());
            if restart {
                tried.again();
            }
            assert!(tried.find().is_none(), "{number} {restart}");
            assert!(!path.exists(), "{number} {restart}");
            assert_eq!(tried.tier.figures()[..2], [0, 0]);
        }
    }
}

#[test]
fn a_head_that_is_torn_leaves_the_one_before() {
    let tried = Tried::new();
    let body = Body::of(body(700));
    keep(&tried.tier, &entry(Arc::clone(&body), 10, "\"a\""));
    let path = tried.files().pop().expect("a file");
    let before = fs::read(&path).expect("read");
    for lifetime in 11..15 {
        keep(&tried.tier, &entry(Arc::clone(&body), lifetime, "\"a\""));
        assert_eq!(tried.find().expect("it").freshness.lifetime, lifetime);
    }
    let after = fs::read(&path).expect("read");
    assert_eq!(before.len(), after.len(), "the head was changed in its place");
    keep(&tried.tier, &entry(Arc::clone(&body), 99, "\"a\""));
    let last = fs::read(&path).expect("read");
    let first = (0..last.len()).find(|at| last[*at] != after[*at]).expect("a change");
    for end in first..last.len().min(first + 200) {
        let torn = [&last[..end], &after[end..]].concat();
        fs::write(&path, &torn).expect("written");
        let lifetime = tried.find().expect("one of both").freshness.lifetime;
        assert!(lifetime == 14 || lifetime == 99, "{lifetime}");
    }
    let long = "x".repeat(3000);
    keep(&tried.tier, &entry(body, 7, &long));
    assert_eq!(tried.find().expect("it").freshness.lifetime, 7, "a head that needs more room");
    assert_eq!(tried.files().len(), 1);
}

#[tokio::test]
async fn a_long_body_is_written_while_it_comes_and_read_from_its_file() {
    let mut tried = Tried::new();
    let bytes = body(200_000);
    assert!(record(&tried.tier, &bytes).await);
    for damaged in [false, true] {
        let entry = tried.find().expect("it is there");
        let file = entry.body.file().expect("a file");
        let path = tried.files().pop().expect("a file");
        let content = fs::read(&path).expect("read");
        assert_eq!(content[file.start as usize..], bytes[..]);
        assert_eq!((file.length, entry.body.whole()), (200_000, None));
        tried.tier.keep(KEY, &Arc::clone(&entry));
        tried.tier.rest(Duration::from_secs(10));
        assert!(tried.find().is_some());
        tried.again();
        if !damaged {
            assert!(tried.find().is_some());
            let file = fs::OpenOptions::new().write(true).open(&path).expect("a file");
            file.write_all_at(b"?", content.len() as u64 / 2).expect("written");
            tried.again();
            assert!(tried.find().is_none(), "it is read once whole");
            assert!(!path.exists());
            assert!(record(&tried.tier, &bytes).await);
        }
    }
}

#[tokio::test]
async fn what_is_not_whole_never_has_a_name() {
    let tried = Tried::new();
    let growing = Body::begin_large(Some(50));
    let entry = entry(Arc::clone(&growing), 10, "\"big\"");
    let spool = tried.tier.record(KEY, &entry).expect("a file");
    assert!(spool.push(body(49)));
    let named = tried.tier.name(Arc::clone(&spool), KEY, &entry).expect("there is room");
    assert_eq!(named.await, Ok(false));
    let path = spool.path.clone();
    assert!(path.exists());
    drop((spool, growing, entry));
    tried.tier.rest(Duration::from_secs(10));
    assert!(!path.exists());
    assert_eq!(tried.files(), [] as [PathBuf; 0]);
}

#[test]
fn purges_reach_what_an_earlier_process_has_written() {
    let purges = [
        Purge::All,
        Purge::url("http://a.example/x").expect("a URL"),
        Purge::Url("/x*".into()),
        Purge::Tag("post-1".into()),
    ];
    for purge in purges {
        for hard in [false, true] {
            let mut tried = Tried::new();
            keep(&tried.tier, &entry(Body::of(body(7)), 10, "\"a\""));
            tried.again();
            for other in [Purge::url("http://a.example/y").expect("a URL"), Purge::Tag("post-2".into())] {
                assert_eq!(tried.tier.purge(&other, hard).count(), 0);
            }
            assert_eq!(tried.tier.purge(&purge, hard).count(), 1, "{purge:?}");
            assert_eq!(tried.find().map(|entry| entry.is_purged()), (!hard).then_some(true));
            tried.again();
            assert_eq!(tried.find().map(|entry| entry.is_purged()), (!hard).then_some(true));
        }
    }
    let tried = Tried::new();
    let entry = entry(Body::of(body(7)), 10, "\"a\"");
    keep(&tried.tier, &entry);
    tried.tier.outdate(KEY, &entry);
    tried.tier.rest(Duration::from_secs(10));
    assert!(tried.find().expect("it").is_purged());
    assert_eq!(fs::read(tried.files().pop().expect("a file")).expect("read")[PURGED_AT as usize], 1);
    keep(&tried.tier, &entry);
    assert!(!tried.find().expect("it").is_purged(), "it was validated");
    tried.tier.invalidate(KEY);
    assert!(tried.find().is_none(), "at once");
    tried.tier.rest(Duration::from_secs(10));
    assert_eq!(tried.files(), [] as [PathBuf; 0]);
}

#[test]
fn the_limit_is_kept_and_foreign_files_too() {
    let tried = Tried::new();
    let foreign = tried.folder.path().join("0/00/notes.txt");
    fs::create_dir_all(foreign.parent().expect("a folder")).expect("made");
    fs::write(&foreign, "mine").expect("written");
    for number in 0..100 {
        let key = format!("http://a.example/{number}");
        tried.tier.keep(key.as_bytes(), &entry(Body::of(body(30_000)), 10, "\"a\""));
        tried.tier.rest(Duration::from_secs(10));
        let used: u64 = tried.files().iter().map(|path| fs::metadata(path).expect("it").len()).sum();
        assert!(used <= 1 << 20, "{used}");
    }
    let [bytes, files, evictions] = tried.tier.figures();
    assert!(bytes <= 1 << 20 && files > 25 && files + evictions == 100, "{bytes} {files} {evictions}");
    let small = opened(tried.folder.path(), 100_000);
    assert!(small.figures()[0] <= 100_000);
    assert!(foreign.exists());
}
