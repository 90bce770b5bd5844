use super::*;

#[test]
fn pauses_between_looks_grow_as_long_as_an_authority_likes() {
    let pauses: Vec<_> = std::iter::successors(Some(FIRST_LOOK), |pause| Some(longer(*pause))).take(300).collect();
    assert_eq!(pauses[..3], [100, 200, 400].map(Duration::from_millis));
    assert_eq!(pauses[299], LONGEST_LOOK);
}
