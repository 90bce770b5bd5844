use super::*;
use crate::upstream::backend::BackendSettings;

fn member(address: &str, weight: u32) -> Member {
    let address = Address::parse(address).expect("an address");
    Member { secure: address.tls(false), address, traits: BackendSettings { weight, ..BackendSettings::default() } }
}

fn added(address: &str) -> AddedBackend {
    AddedBackend { config: BackendConfig::at(address), member: member(address, 1) }
}

fn shown(members: &[Member]) -> Vec<(String, u32, Option<u32>)> {
    members.iter().map(|it| (it.name(), it.traits.weight, it.traits.max_connections)).collect()
}

#[test]
fn a_backend_is_called_by_each_way_to_write_its_address() {
    for (address, names) in [
        ("127.0.0.1:3001", &["127.0.0.1:3001", "http://127.0.0.1:3001", "http://127.0.0.1:3001/path"][..]),
        ("app.test", &["app.test:80", "app.test", "http://app.test", "APP.test"]),
        ("https://app.test", &["app.test:443", "app.test", "https://app.test"]),
        ("unix:/run/app.sock", &["unix:/run/app.sock", "unix:///run/app.sock"]),
        ("[::1]:3001", &["[::1]:3001"]),
        ("localhost:3001", &["localhost:3001"]),
    ] {
        for name in names {
            assert!(member(address, 1).is_called(name), "{address} {name}");
        }
        for other in ["127.0.0.1:3002", "app.test:81", "other.test", "unix:/run/other.sock", "", "a b"] {
            assert!(!member(address, 1).is_called(other), "{address} {other}");
        }
    }
}

#[test]
fn changes_stand_beside_what_is_written() {
    let base = [member("a.test:1", 1), member("b.test:1", 2)];
    let mut changes = Changes::default();
    changes.tune(&base[1], Some(7), Some(Some(3)));
    changes.removed.insert("a.test:1".into());
    changes.added.push(added("c.test:1"));
    let expected = [("b.test:1".to_owned(), 7, Some(3)), ("c.test:1".to_owned(), 1, None)];
    assert_eq!(shown(&changes.applied(&base)), expected);
    // What is written is no change.
    changes.tune(&base[1], Some(2), None);
    changes.tune(&base[1], None, Some(None));
    assert!(changes.tuned.is_empty());
}

#[test]
fn what_is_written_otherwise_wins_and_the_rest_stays() {
    let base = [member("a.test:1", 1), member("b.test:1", 1), member("c.test:1", 1)];
    let mut changes = Changes { added: vec![added("d.test:1"), added("e.test:1")], ..Changes::default() };
    changes.tune(&base[0], Some(5), Some(Some(9)));
    changes.tune(&base[1], Some(6), None);
    changes.tune(&member("d.test:1", 1), Some(4), None);
    changes.removed.extend(["c.test:1".to_owned(), "x.test:1".to_owned()]);
    let same = changes.clone();
    assert_eq!(changes.reconcile(&base).overridden, ["x.test:1 was removed and is no longer written"]);
    changes = same;
    let next = [member("a.test:1", 3), member("c.test:1", 8), member("d.test:1", 2)];
    let told = changes.reconcile(&next);
    assert_eq!(told.kept, ["e.test:1 added", "c.test:1 removed", "a.test:1 max_connections 9"]);
    assert_eq!(
        told.overridden,
        [
            "d.test:1 was added and is written now",
            "x.test:1 was removed and is no longer written",
            "a.test:1 has the weight 3 that is written now",
            "b.test:1 is gone",
        ]
    );
    let expected = [("a.test:1", 3, Some(9)), ("d.test:1", 2, None), ("e.test:1", 1, None)];
    assert_eq!(shown(&changes.applied(&next)), expected.map(|(name, weight, most)| (name.to_owned(), weight, most)));
}

#[test]
fn a_removed_backend_that_comes_back_with_other_settings_stays() {
    let base = [member("http://a.test:1", 3), member("b.test:1", 1)];
    let heavier = AddedBackend { member: member("a.test:1", 5), ..added("a.test:1") };
    let of_another_kind = {
        let mut added = added("b.test:1");
        added.member.traits.max_tunnels = Some(4);
        added
    };
    let mut changes = Changes { removed: ["a.test:1".into(), "b.test:1".into()].into(), ..Changes::default() };
    changes.add(&base, heavier);
    changes.add(&base, of_another_kind);
    changes.tune(&added("b.test:1").member, Some(7), None);
    let expected = |weight| [("a.test:1".to_owned(), weight, None), ("b.test:1".to_owned(), 7, None)];
    for _ in 0..2 {
        assert_eq!(shown(&changes.applied(&base)), expected(5));
        assert_eq!(changes.applied(&base)[1].traits.max_tunnels, Some(4));
        assert_eq!(changes.reconcile(&base).overridden, [""; 0]);
    }
    // What is written otherwise now wins.
    let next = [member("a.test:1", 4), base[1].clone()];
    assert_eq!(changes.reconcile(&next).overridden, ["a.test:1 has the weight 4 that is written now"]);
    assert_eq!(shown(&changes.applied(&next)), expected(4));
    // One that cannot be added any more leaves its place to the written one.
    changes.added.clear();
    changes.give_back(&next, "http://b.test:1");
    assert!(changes.removed.is_empty());
}

#[test]
fn another_process_reads_what_was_written() {
    let base = [member("a.test:1", 1), member("b.test:1", 1)];
    let mut changes = Changes { revision: 9, added: vec![added("c.test:1")], ..Changes::default() };
    changes.tune(&base[0], Some(5), Some(Some(9)));
    changes.tune(&base[1], None, Some(Some(4)));
    changes.removed.insert("b.test:1".into());
    let mut state = UpstreamState::default();
    changes.write_to(&mut state);
    let text = serde_json::to_string(&state).expect("JSON");
    let read: UpstreamState = serde_json::from_str(&text).expect("the same");
    let mut next = Changes::default();
    next.read_from(&read);
    assert_eq!(read.added, [BackendConfig::at("c.test:1")]);
    next.added = changes.added.clone();
    assert_eq!(next, changes);
}
