use bytes::Bytes;
use proxy_http::message::ResponseHead;

use super::super::body::Body;
use super::super::entry::{AnswerPlace, Circumstances};
use super::super::freshness::Freshness;
use super::super::vary::Vary;
use super::*;

const ASKED: AskedPlace<'static> = AskedPlace { location: "", upstream: "", authority: b"", path: b"" };

fn entry(bytes: usize, tag: &str) -> Arc<CacheEntry> {
    let (freshness, vary, place) = (Freshness::default(), Vary::default(), AnswerPlace::default());
    let of = Circumstances { freshness, vary, place, tags: Box::new([tag.as_bytes().into()]) };
    CacheEntry::new(&ResponseHead { status: 200, ..ResponseHead::default() }, Body::of(Bytes::from(vec![0; bytes])), of)
}

fn found(zone: &Zone, key: &[u8]) -> Option<Arc<CacheEntry>> {
    match zone.find(key, ASKED, &Fields::default()) {
        ZoneFinding::Found(entry) => Some(entry),
        ZoneFinding::Nothing => None,
        ZoneFinding::OtherVariants => panic!("there are no variants"),
    }
}

#[test]
fn a_zone_keeps_its_limit() {
    let zone = Zone::new("z", ZoneLimits { memory: 1_000_000, max_object: 100_000 });
    for number in 0..100 {
        zone.store(format!("http://a/{number}").as_bytes(), &entry(50_000, ""), || false);
    }
    assert!(zone.bytes() <= 1_000_000 && zone.bytes() > 500_000, "{}", zone.bytes());
    zone.limit(ZoneLimits { memory: 200_000, max_object: 100_000 });
    assert!(zone.bytes() <= 200_000, "{}", zone.bytes());
    assert_eq!(zone.max_object(), 50_000, "a quarter of the memory");
    assert!(zone.reserve(150_000) && !zone.reserve(100_000));
    zone.release(150_000);
    assert!(zone.reserve(200_000));
}

#[test]
fn a_url_with_many_large_responses_keeps_the_newest() {
    let zone = Zone::new("z", ZoneLimits { memory: 1_000_000, max_object: 20_000 });
    let of = |vary: &str| {
        let whole = entry(20_000, "");
        let mut request = Fields::default();
        request.append("Foo", vary.as_bytes());
        let mut response = Fields::default();
        response.append("Vary", b"Foo");
        let vary = Vary::of(&response, &request, &request).expect("it may be stored");
        let of = Circumstances { vary, ..whole.circumstances(Freshness::default()) };
        (
            request,
            CacheEntry::new(&ResponseHead { status: 200, ..ResponseHead::default() }, Arc::clone(&whole.body), of),
        )
    };
    for memory in [1_000_000, 400_000] {
        zone.limit(ZoneLimits { memory, max_object: 20_000 });
        let stored: Vec<_> = (0..20).map(|number| of(&number.to_string())).collect();
        stored.iter().for_each(|(_, entry)| zone.store(b"http://a/", entry, || false));
        let kept = stored
            .iter()
            .filter(|(request, _)| matches!(zone.find(b"http://a/", ASKED, request), ZoneFinding::Found(_)));
        assert_eq!(kept.count(), if memory == 1_000_000 { 14 } else { 5 });
        assert!(zone.bytes() <= memory);
    }
}

#[test]
fn a_purge_is_soft_unless_it_is_hard() {
    let zone = Zone::new("z", ZoneLimits { memory: 1_000_000, max_object: 100_000 });
    for (url, tag) in [("http://a/x", "t"), ("http://b/x?q", "u"), ("http://b/y\nextra", "t")] {
        zone.store(url.as_bytes(), &entry(10, tag), || false);
    }
    let purged = |key: &str| found(&zone, key.as_bytes()).map(|entry| entry.is_purged());
    assert_eq!(zone.purge(&Purge::Url("http://a/x".into()), false), 1);
    assert_eq!((purged("http://a/x"), purged("http://b/x?q")), (Some(true), Some(false)));
    assert_eq!(zone.purge(&Purge::Tag("t".into()), true), 2);
    assert_eq!((purged("http://a/x"), purged("http://b/y\nextra")), (None, None));
    assert_eq!(zone.purge(&Purge::Url("/x*".into()), false), 1);
    assert_eq!(zone.purge(&Purge::Tag("none".into()), true), 0);
    assert_eq!(zone.purge(&Purge::All, true), 1);
    assert_eq!(zone.bytes(), 0);
}

#[test]
fn what_is_outdated_before_it_comes_is_not_stored() {
    use super::super::flight::Joined;
    let zone = Zone::new("z", ZoneLimits { memory: 1_000_000, max_object: 100_000 });
    let Joined::Leading(lead) = Flights::join(&zone.flights, b"k", b"") else { panic!("it leads") };
    zone.invalidate(b"k");
    assert!(lead.is_void());
}

#[test]
fn what_is_outdated_while_it_is_stored_never_comes_back() {
    use super::super::flight::Joined;
    let zone = Zone::new("z", ZoneLimits { memory: 1_000_000, max_object: 100_000 });
    let (version, ended) = (AtomicU64::new(0), std::sync::atomic::AtomicBool::new(false));
    std::thread::scope(|scope| {
        for kind in [b"a", b"b"] {
            let (zone, version, ended) = (&zone, &version, &ended);
            scope.spawn(move || {
                while !ended.load(Relaxed) {
                    let Joined::Leading(lead) = Flights::join(&zone.flights, b"k", kind) else { continue };
                    let entry = entry(10, &version.load(Relaxed).to_string());
                    zone.store(b"k", &entry, || lead.is_void());
                }
            });
        }
        for now in 1..30_000 {
            version.store(now, Relaxed);
            zone.invalidate(b"k");
            let old =
                (0..20).filter_map(|_| found(&zone, b"k")).find(|entry| !entry.has_tag(now.to_string().as_bytes()));
            ended.store(old.is_some() || now == 29_999, Relaxed);
            assert!(old.is_none(), "it was stored before {now}");
        }
    });
}
