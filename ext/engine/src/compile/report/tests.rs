use super::*;

#[test]
fn a_problem_is_told_with_its_line_its_directive_and_the_options_around_it() {
    let (at, mut problems) = (At { file: "Proxyfile".into(), line: 7 }, Vec::new());
    let mut report = Report::new("upstream", Some(&at), &mut problems);
    report.within("health_check").within("port").error("70000 is not a valid port");
    report.warning("odd");
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        ["Proxyfile:7: upstream: health_check: port: 70000 is not a valid port", "Proxyfile:7: upstream: odd"]
    );
    assert_eq!(problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), [Code::Value, Code::Slip]);
}

#[test]
fn only_errors_since_it_began_make_a_report_unsound() {
    let mut problems = vec![Problem::error(None, "bind", "wrong")];
    let mut report = Report::new("proxy", None, &mut problems);
    report.warning_of(Code::Unused, "odd");
    assert!(report.is_sound());
    report.within("to").error("wrong");
    assert!(!report.is_sound() && report.anew().is_sound());
    assert_eq!(report.ok(Err::<(), _>("wrong too")), None);
    assert_eq!(problems.len(), 4);
}
