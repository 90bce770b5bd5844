use super::*;
use crate::blocks::{BlockIndex, BlockQueue, NextCall};
use crate::log::Level;

fn config(names: &[&str], days: f64) -> EventsConfig {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    EventsConfig { names, days, block: Some(BlockIndex(0)), at: None }
}

/// A hub with these directives, the queue of their blocks, and what keeps the blocks in use.
fn hub(configs: &[EventsConfig], certificates: Vec<KnownCertificate>) -> (EventHub, Arc<BlockQueue>) {
    let queue = Arc::new(BlockQueue::default());
    let (_, set) = queue.set();
    let mut problems = Vec::new();
    let listeners = EventListeners::compile(configs, &set, &mut problems);
    assert_eq!(problems, []);
    let hub = EventHub::default();
    hub.listen(&listeners, certificates, &Handle::current(), &Log::new(Level::Error));
    (hub, queue)
}

/// Every event that waits, with its name and what it is about.
fn told(queue: &Arc<BlockQueue>) -> Vec<String> {
    let mut told = Vec::new();
    while let Some(NextCall::Call(mut call)) = queue.take(false) {
        let Some(BlockArgument::Value(event)) = call.take_argument() else { panic!("an event") };
        let about = ["backend", "why", "bind"].into_iter().filter_map(|fact| event[fact].as_str());
        let about: Vec<_> = event["name"].as_str().into_iter().chain(about).collect();
        told.push(about.join(" "));
        call.answer(Ok(BlockValue::Null));
    }
    told
}

#[tokio::test]
async fn a_block_hears_of_the_events_that_it_names_in_their_order() {
    let (hub, queue) = hub(&[config(&["backend_down", "backend_up"], 14.0)], Vec::new());
    hub.backend(true, "app", "a", format_args!("one"));
    hub.backend(false, "app", "a", format_args!("two"));
    hub.reloaded();
    hub.backend(true, "app", "b", format_args!("three"));
    assert_eq!(told(&queue), ["backend_down a one", "backend_up a two", "backend_down b three"]);
}

#[tokio::test]
async fn of_events_that_wait_and_are_about_the_same_the_latest_stays_at_its_place() {
    let (hub, queue) = hub(&[config(&["backend_down", "backend_up", "reload"], 14.0)], Vec::new());
    for round in 0..500 {
        hub.backend(true, "app", "a", format_args!("{round}"));
        hub.backend(false, "app", "a", format_args!("{round}"));
        hub.reloaded();
    }
    hub.backend(true, "app", "a", format_args!("last"));
    assert_eq!(told(&queue), ["backend_up a 499", "reload", "backend_down a last"]);
}

#[tokio::test]
async fn no_more_than_a_thousand_wait() {
    let (hub, queue) = hub(&[config(&["backend_down"], 14.0)], Vec::new());
    for number in 0..1_200 {
        hub.backend(true, "app", &number.to_string(), format_args!("refused"));
    }
    // One more, since no call of the block runs yet.
    assert_eq!(told(&queue).len(), LIMITS.queue + LIMITS.threads);
}

#[tokio::test(start_paused = true)]
async fn certificates_are_looked_at_now_and_every_day() {
    let certificate = |bind: &str, days: u64| KnownCertificate {
        bind: bind.into(),
        names: ["example.com".to_owned()].into(),
        until: time_of_day() + Duration::from_secs(days * 86_400 + 3_600),
    };
    let certificates = vec![certificate("soon", 13), certificate("later", 40)];
    let other = EventsConfig { block: Some(BlockIndex(1)), ..config(&["certificate_expiring"], 50.0) };
    let configs = [config(&["certificate_expiring"], 14.0), other];
    let (_hub, queue) = hub(&configs, certificates);
    let day = ["soon", "soon", "later"].map(|bind| format!("certificate_expiring {bind}"));
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(told(&queue), day);
        tokio::time::sleep(DAY - Duration::from_secs(2)).await;
        assert_eq!(told(&queue), [""; 0], "within a day it is told once");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_renewed_is_told_of_when_its_end_is_near() {
    let (hub, queue) = hub(&[config(&["certificate_expiring"], 14.0)], vec![]);
    let names = ["a.example".to_owned()];
    let in_days = |days: u64| time_of_day() + Duration::from_secs(days * 86_400);
    assert!(!hub.not_renewed(&names, in_days(15), Some("it is late")));
    assert_eq!(told(&queue), [""; 0]);
    for end in [in_days(13), time_of_day() - DAY] {
        assert!(hub.not_renewed(&names, end, None));
        assert_eq!(told(&queue).len(), 1);
    }
}

#[test]
fn mistakes_say_what_to_write() {
    let mut problems = Vec::new();
    let wrong = [
        config(&[], 14.0),
        config(&["backend_dwon"], 14.0),
        config(&["reload"], f64::NAN),
        config(&["reload"], 4_000.0),
        EventsConfig { block: None, ..config(&["reload"], 14.0) },
    ];
    EventListeners::compile(&wrong, &BlockSet::default(), &mut problems);
    let messages: Vec<_> = problems.iter().map(|problem| &*problem.message).collect();
    assert_eq!(
        messages,
        [
            "there is no event: write one, such as on :backend_down do |event| … end",
            "\"backend_dwon\" is not an event (did you mean backend_down? There are backend_down, backend_up, reload, \
             certificate_expiring)",
            "days: NaN is out of range: write days from 0 to 3650",
            "days: 4000 is out of range: write days from 0 to 3650",
            "has no block: write on :backend_down do |event| … end",
        ]
    );
}
