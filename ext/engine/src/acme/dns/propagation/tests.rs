use super::*;
use crate::acme::dns::authority::TxtAnswer;

fn found(answers: &[Result<&[&str], &str>]) -> TxtAnswers {
    let answer = |(number, texts): (usize, &Result<&[&str], &str>)| TxtAnswer {
        server: format!("ns{number}"),
        texts: texts.map(|texts| texts.iter().map(|text| (*text).to_owned()).collect()).map_err(str::to_owned),
    };
    let place = Name::from_ascii("a.example.").expect("a name");
    TxtAnswers { place, answers: answers.iter().enumerate().map(answer).collect() }
}

fn missing_in(answers: &[Result<&[&str], &str>], is_patience_over: bool) -> Option<String> {
    missing(&found(answers), &["one".to_owned(), "two".to_owned()], is_patience_over)
}

#[test]
fn all_servers_must_have_all_values() {
    let both: Result<&[&str], &str> = Ok(&["other", "two", "one"]);
    assert_eq!(missing_in(&[both, both], false), None);
    assert_eq!(missing_in(&[both, Ok(&[])], true), Some("ns1 has no TXT record of a.example.".into()));
    let other = Some("ns0 has other TXT records of a.example.: [\"one\"]".into());
    assert_eq!(missing_in(&[Ok(&["one"]), both], true), other);
}

#[test]
fn a_server_that_never_answers_is_left_out_after_a_while() {
    let both: Result<&[&str], &str> = Ok(&["one", "two"]);
    let silent = Some("ns1 gives no answer: it is down".into());
    assert_eq!(missing_in(&[both, Err("it is down")], false), silent);
    assert_eq!(missing_in(&[both, Err("it is down")], true), None);
    assert_eq!(missing_in(&[Err("it is down"), Err("it is down")], true), silent);
}
