use super::*;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn wanted(names: &[&str]) -> Vec<(Arc<str>, Arc<[String]>)> {
    names.iter().map(|name| ((*name).into(), [(*name).to_owned()].into())).collect()
}

fn table(names: &[&str]) -> KeptTable {
    let mut table = KeptTable::default();
    table.set_written(&wanted(names), true);
    table
}

/// All that is due at this moment.
fn due(table: &mut KeptTable, seconds: u64) -> Vec<String> {
    std::iter::from_fn(|| table.take_due(at(seconds))).map(|subject| subject.to_string()).collect()
}

#[test]
fn each_is_looked_after_when_it_is_due_and_never_twice_at_once() {
    let mut table = table(&["b.example", "a.example"]);
    assert_eq!(due(&mut table, 0), ["a.example", "b.example"]);
    assert_eq!((due(&mut table, 100).len(), table.running()), (0, 2));
    table.ended(&"a.example".into(), at(50), |_| {});
    assert_eq!((table.next_due(), table.running()), (Some(at(50)), 1));
    assert_eq!(due(&mut table, 49), [""; 0]);
    assert!(!table.take("b.example"));
    assert_eq!(due(&mut table, 50), ["a.example"]);
}

#[test]
fn a_reload_keeps_what_is_known_and_what_runs() {
    let mut table = table(&["a.example", "b.example", "c.example"]);
    assert_eq!(due(&mut table, 0).len(), 3);
    table.ended(&"a.example".into(), at(50), |kept| kept.troubles = 3);
    table.ended(&"b.example".into(), at(60), |_| {});
    table.set_written(&wanted(&["a.example", "c.example", "d.example"]), false);
    assert!(table.get("b.example").is_none());
    assert_eq!(table.get("a.example").map(|kept| kept.troubles), Some(3));
    assert_eq!(due(&mut table, 1), ["a.example", "d.example"], "c.example runs");
    table.ended(&"c.example".into(), at(70), |_| {});
    assert_eq!(due(&mut table, 70), ["c.example"]);
    table.ended(&"gone.example".into(), at(70), |_| {});
    table.clear();
    assert_eq!(table.next_due(), None);
}

#[test]
fn a_wish_goes_first_and_is_not_lost_while_it_runs() {
    let mut table = table(&["a.example"]);
    assert_eq!(due(&mut table, 0), ["a.example"]);
    assert!(table.wish("a.example") && !table.wish("b.example"));
    table.ended(&"a.example".into(), at(50), |_| {});
    assert_eq!(due(&mut table, 1), ["a.example"]);
    table.ended(&"a.example".into(), at(50), |kept| kept.is_wished = false);
    assert_eq!(due(&mut table, 1), [""; 0]);
    assert!(table.wish("a.example") && table.wish("a.example"));
    assert_eq!(due(&mut table, 1), ["a.example"]);
    assert_eq!(table.next_due(), None, "it is in the queue once");
}

#[test]
fn names_on_demand_are_kept_once_and_dropped() {
    let mut table = table(&["a.example"]);
    assert!(table.take("a.example"));
    table.add_other("b.example", at(5));
    table.add_other("b.example", at(9));
    assert_eq!(table.next_due(), Some(at(5)));
    table.drop_other("a.example");
    table.drop_other("b.example");
    assert_eq!((table.next_due(), table.get("b.example").is_some()), (None, false));
    assert!(table.get("a.example").is_some(), "it is written");
}

#[test]
fn looks_are_rarer_the_more_there_are() {
    let names: Vec<_> = (0..10_000).map(|number| format!("{number}.example")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    assert_eq!(table(&names[..100]).look(), Duration::from_secs(60));
    assert_eq!(table(&names).look(), Duration::from_secs(2_000));
}
