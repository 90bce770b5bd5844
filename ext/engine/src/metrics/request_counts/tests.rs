use super::super::code::{class_index, KnownCodes};
use super::*;

fn counted(counts: &RequestCounts) -> Vec<(RequestLabels, u64)> {
    let mut all = Vec::new();
    counts.each(&mut |labels, count| all.push((labels, count)));
    all.sort_unstable();
    all
}

#[test]
fn requests_are_told_apart_by_all_labels() {
    let (codes, counts) = (KnownCodes::default(), RequestCounts::default());
    let mut expected = Vec::new();
    for status in [200, 404, 502] {
        for method in [Method::Get, Method::Other] {
            for host in [0, 1, 1_000] {
                let labels = RequestLabels::new(codes.label(status), method, host);
                for _ in 0..=host {
                    counts.count(labels, class_index(status));
                }
                expected.push((labels, u64::from(host) + 1));
            }
        }
    }
    expected.sort_unstable();
    assert_eq!(counted(&counts), expected);
}

#[test]
fn the_table_ends_and_nothing_is_lost() {
    let (codes, counts) = (KnownCodes::default(), RequestCounts::default());
    let mut sum = 0;
    for host in 0..10_000 {
        for status in [200, 503] {
            counts.count(RequestLabels::new(codes.label(status), Method::Get, host), class_index(status));
            sum += 1;
        }
    }
    let all = counted(&counts);
    assert!(all.len() <= FIRST + FURTHER.iter().sum::<usize>() + CLASSES.len(), "{}", all.len());
    assert!(all.len() > 4_096);
    assert_eq!(all.iter().map(|(_, count)| count).sum::<u64>(), sum);
    let rest: Vec<_> = all.iter().filter(|(labels, _)| labels.code == codes.label(200)).collect();
    assert!(rest.iter().any(|(labels, _)| labels.host == 0), "the first ones keep their places");
}
