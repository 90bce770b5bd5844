use super::*;

fn text(label: CodeLabel) -> String {
    let mut text = String::new();
    label.write(&mut text);
    text
}

#[test]
fn usual_statuses_are_labels_and_a_few_others_then_classes_are() {
    let codes = KnownCodes::default();
    let own = (600..=999)
        .chain([299, 0, 42])
        .filter(|status| text(codes.label(*status)).len() == 3 && !text(codes.label(*status)).ends_with("xx"))
        .count();
    assert_eq!(own, MOST_CODES - USUAL.len());
    for (status, shown) in [(200, "200"), (499, "499"), (503, "503"), (298, "2xx"), (998, "other"), (7, "other")] {
        assert_eq!(text(codes.label(status)), shown);
    }
    assert_eq!(text(codes.label(u16::MAX)), "other");
    let others = [700, 799, 998, 7, u16::MAX].map(|status| codes.label(status));
    assert!(others.iter().all(|label| *label == others[0]), "they are one series");
    for (class, shown) in CLASSES.iter().enumerate() {
        assert_eq!(text(CodeLabel::of_class(class)), *shown);
    }
}

#[test]
fn classes_are_those_of_the_first_digit() {
    let classes = [100, 204, 304, 404, 599, 600, 999, 0, 99].map(class_index);
    assert_eq!(classes, [0, 1, 2, 3, 4, 5, 5, 5, 5]);
}
