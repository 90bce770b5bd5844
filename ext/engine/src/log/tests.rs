use super::*;
use crate::config::At;
use crate::request_id::RequestId;

/// Keeps the written lines, so that a test can read them.
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Memory {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().clone()).expect("UTF-8")
    }
}

#[test]
fn a_line_says_when_how_bad_to_whom_and_what() {
    let memory = Memory::default();
    let log = Log::to(Level::Info, Box::new(memory.clone()));
    let id = RequestId::from(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
    log.write(Level::Warn, Some(id.into()), format_args!("no backend answered {}", "127.0.0.1:3001"));
    let text = memory.text();
    let (time, rest) = text.split_once(' ').expect("a time");
    assert_eq!((time.len(), &time[10..11], &time[23..]), (24, "T", "Z"), "{time}");
    assert_eq!(rest, "warn request_id=0123456789ab no backend answered 127.0.0.1:3001\n");
}

#[test]
fn levels_that_are_off_write_nothing_and_format_nothing() {
    struct Never;
    impl fmt::Display for Never {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("formatted although its level is off")
        }
    }
    let memory = Memory::default();
    let log = Log::to(Level::Warn, Box::new(memory.clone()));
    log.info(format_args!("{Never}"));
    log.debug(format_args!("{Never}"));
    assert_eq!(memory.text(), "");
    log.error(format_args!("e"));
    log.warn(format_args!("w"));
    assert_eq!(memory.text().lines().count(), 2);
}

#[test]
fn nothing_in_a_message_begins_a_line_of_its_own() {
    let memory = Memory::default();
    let log = Log::to(Level::Debug, Box::new(memory.clone()));
    log.debug(format_args!("a{}b\u{e9}", "\r\n2026 error forged\u{1b}[31m\u{85}\u{2028}\u{202e}\u{7f}"));
    let text = memory.text();
    assert!(
        text.ends_with(" debug a\\r\\n2026 error forged\\u{1b}[31m\\u{85}\\u{2028}\\u{202e}\\u{7f}b\u{e9}\n"),
        "{text}"
    );
    assert_eq!(text.matches('\n').count(), 1);
}

#[test]
fn an_unknown_level_is_a_problem_that_names_the_known_ones() {
    let at = At { file: "Proxyfile".into(), line: 3 };
    let mut problems = Vec::new();
    Log::compile(&Setting { value: "warning".into(), at: Some(at) }, &mut problems);
    let text: Vec<_> = problems.iter().map(ToString::to_string).collect();
    let list = "There are error, warn, info, debug";
    assert_eq!(
        text,
        [format!("Proxyfile:3: log_level: \"warning\" is not a valid log level (did you mean warn? {list})")]
    );
}

/// A writer that blocks until it is released.
#[derive(Clone, Default)]
struct Stuck {
    memory: Memory,
    state: Arc<(std::sync::Mutex<State>, std::sync::Condvar)>,
}

#[derive(Default, Clone, Copy, PartialEq)]
enum State {
    #[default]
    Blocked,
    Failing,
    Fine,
}

impl Stuck {
    fn become_state(&self, state: State) {
        *self.state.0.lock().expect("a lock") = state;
        self.state.1.notify_all();
    }
}

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (lock, changed) = &*self.state;
        let state = lock.lock().expect("a lock");
        let state = changed.wait_while(state, |state| *state == State::Blocked).expect("a lock");
        match *state {
            State::Failing => Err(io::ErrorKind::StorageFull.into()),
            _ => self.memory.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const SOON: Duration = Duration::from_secs(20);

#[test]
fn lines_of_a_started_log_come_in_order() {
    let memory = Memory::default();
    let log = Log::to(Level::Info, Box::new(memory.clone()));
    log.info(format_args!("first"));
    log.start().expect("a thread");
    log.start().expect("a second call does nothing");
    for n in 0..100 {
        log.info(format_args!("{n}"));
    }
    log.flush(SOON);
    let text = memory.text();
    let said: Vec<_> = text.lines().filter_map(|line| line.split("info ").nth(1)).collect();
    assert_eq!((said.len(), said[0], said[100]), (101, "first", "99"));
}

#[test]
fn a_blocked_output_holds_nobody_up_and_what_is_missing_is_counted() {
    let out = Stuck::default();
    let log = Log::to(Level::Info, Box::new(out.clone()));
    log.start().expect("a thread");
    let long = "x".repeat(1000);
    for _ in 0..1000 {
        log.info(format_args!("{long}"));
    }
    log.flush(Duration::from_millis(1));
    out.become_state(State::Fine);
    log.flush(SOON);
    log.info(format_args!("again"));
    log.flush(SOON);
    let text = out.memory.text();
    let kept = text.matches(&long).count() as u64;
    let lost: u64 = text
        .lines()
        .filter_map(|line| {
            line.split("warn ").nth(1)?.strip_suffix(" lines of the log are missing here: they could not be written")
        })
        .map(|number| number.parse::<u64>().expect("a number"))
        .sum();
    assert!(lost > 0 && kept > 200, "{kept} kept, {lost} lost");
    assert_eq!(kept + lost, 1000);
    assert!(text.ends_with("info again\n"));
}

#[test]
fn lines_that_failed_are_counted_and_told_of_once_one_can_be_written() {
    let out = Stuck::default();
    out.become_state(State::Failing);
    let log = Log::to(Level::Info, Box::new(out.clone()));
    log.start().expect("a thread");
    for n in 0..7 {
        log.info(format_args!("{n}"));
        log.flush(SOON);
    }
    out.become_state(State::Fine);
    log.info(format_args!("again"));
    log.flush(SOON);
    let text = out.memory.text();
    assert!(text.contains("warn 7 lines of the log are missing here"), "{text}");
    assert!(text.contains("info again\n"), "{text}");
}
