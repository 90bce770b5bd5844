use super::*;
use crate::config::At;
use crate::request_id::RequestId;

/// Keeps what is written, for a test to read.
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
    log.debug(format_args!("a{}b\u{e9}", "\r\n2026 error forged\u{1b}[31m\u{85}\u{2028}\u{7f}"));
    let text = memory.text();
    assert!(text.ends_with(" debug a\\r\\n2026 error forged\\u{1b}[31m\\u{85}\\u{2028}\\u{7f}b\u{e9}\n"), "{text}");
    assert_eq!(text.matches('\n').count(), 1);
}

#[test]
fn an_unknown_level_is_a_problem_that_names_the_known_ones() {
    let at = At { file: "Proxyfile".into(), line: 3 };
    let mut problems = Vec::new();
    Log::compile(&Setting { value: "warning".into(), at: Some(at) }, &mut problems);
    let text: Vec<_> = problems.iter().map(ToString::to_string).collect();
    let list = "There are error, warn, info, debug";
    assert_eq!(text, [format!("Proxyfile:3: log_level: \"warning\" is no log level (did you mean warn? {list})")]);
}
