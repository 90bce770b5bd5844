use std::sync::atomic::AtomicUsize;
use std::task::Wake;

use super::*;

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

fn look(request: &GatePlace, woken: &Arc<Woken>) -> GateLook {
    request.look(&Context::from_waker(&Waker::from(Arc::clone(woken))))
}

fn held(gate: &Arc<Gate>) -> GatePlace {
    gate.enter(10).expect("there is room").expect("the gate is closed")
}

#[tokio::test(start_paused = true)]
async fn they_go_on_one_after_the_other_in_order() {
    let gate = Arc::new(Gate::default());
    assert!(matches!(gate.enter(10), Ok(None)), "it is open");
    gate.close(Duration::from_secs(30));
    let requests = [held(&gate), held(&gate), held(&gate)];
    let woken = [(); 3].map(|()| Arc::new(Woken::default()));
    for (request, woken) in requests.iter().zip(&woken) {
        assert!(matches!(look(request, woken), GateLook::Wait(_)));
    }
    assert!(gate.open());
    let count = |n: usize| woken[n].0.load(Relaxed);
    assert_eq!([0, 1, 2].map(count), [1, 0, 0]);
    let [first, second, third] = requests;
    assert_eq!(look(&second, &woken[1]), GateLook::InLine);
    assert_eq!(look(&first, &woken[0]), GateLook::Go);
    drop(first);
    assert_eq!([0, 1, 2].map(count), [1, 1, 0]);
    // One that goes away lets the next one go.
    drop(second);
    assert_eq!([0, 1, 2].map(count), [1, 1, 1]);
    assert_eq!(look(&third, &woken[2]), GateLook::Go);
    assert!(!gate.open(), "it was open");
}

#[tokio::test(start_paused = true)]
async fn nobody_is_held_for_longer_and_a_longer_pause_is_for_all() {
    let gate = Arc::new(Gate::default());
    gate.close(Duration::from_secs(1));
    let (request, woken) = (held(&gate), Arc::default());
    tokio::time::advance(Duration::from_millis(900)).await;
    gate.close(Duration::from_secs(1));
    tokio::time::advance(Duration::from_millis(900)).await;
    assert!(matches!(look(&request, &woken), GateLook::Wait(_)));
    gate.close(Duration::from_millis(10));
    assert_eq!(woken.0.load(Relaxed), 1, "its time is shorter now");
    tokio::time::advance(Duration::from_millis(10)).await;
    assert_eq!(look(&request, &woken), GateLook::Over);
    assert_eq!(gate.enter(10).map(|_| ()), Err(GateRefusal::Over), "until it is opened");
    gate.open();
    assert!(matches!(gate.enter(10), Ok(None)));
}

#[tokio::test(start_paused = true)]
async fn there_is_room_for_so_many_and_none_once_the_server_stops() {
    let gate = Arc::new(Gate::default());
    gate.close(Duration::from_secs(1));
    let first = gate.enter(1).expect("there is room").expect("it is closed");
    assert_eq!(gate.enter(1).map(|_| ()), Err(GateRefusal::Full));
    assert_eq!(gate.held(), 1);
    let woken = Arc::default();
    assert!(matches!(look(&first, &woken), GateLook::Wait(_)));
    gate.stop();
    assert_eq!((woken.0.load(Relaxed), look(&first, &woken)), (1, GateLook::Over));
    drop(first);
    assert_eq!(gate.enter(1).map(|_| ()), Err(GateRefusal::Over));
    assert_eq!(gate.held(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_time_that_the_clock_cannot_add_is_the_longest_one() {
    let gate = Arc::new(Gate::default());
    gate.close(Duration::MAX);
    let GateLook::Wait(until) = look(&held(&gate), &Arc::default()) else { panic!("it is held") };
    assert_eq!(until - Instant::now(), LONGEST_PAUSE);
}
