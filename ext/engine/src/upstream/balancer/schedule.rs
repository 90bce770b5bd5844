//! In which order weights take their turns.

/// Longest schedule. Weights that need a longer one are rounded.
const LONGEST: u64 = 65_536;
/// Most steps that making one may take: a step is a look at one weight.
const MOST_STEPS: u64 = 16 * 1024 * 1024;

/// One round of turns, in which each place comes up as often as its weight says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Schedule {
    /// All weights are the same: each of so many places once.
    Even(usize),
    /// The places, one for each turn.
    Weighted(Box<[u32]>),
}

impl Schedule {
    pub(super) fn new(weights: &[u32]) -> Self {
        let divisor = weights.iter().fold(0, |divisor, weight| common_divisor(divisor, (*weight).into()));
        let total: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
        if divisor == 0 || total / divisor == weights.len() as u64 {
            return Self::Even(weights.len());
        }
        let count = weights.len() as u64;
        let most = LONGEST.min(MOST_STEPS / count).max(count);
        let turns = |weight: &u32| match total / divisor <= most {
            true => i64::from(*weight) / divisor as i64,
            false => (u64::from(*weight) * most / total).max(1) as i64,
        };
        Self::Weighted(smooth(&weights.iter().map(turns).collect::<Vec<_>>()))
    }

    /// How many turns a round has.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Even(count) => *count,
            Self::Weighted(places) => places.len(),
        }
    }

    /// Whose turn it is.
    pub(super) fn place(&self, turn: usize) -> usize {
        match self {
            Self::Even(_) => turn,
            Self::Weighted(places) => places.get(turn).map_or(0, |place| *place as usize),
        }
    }
}

/// nginx's way: in each turn every place earns its weight, and the richest takes the turn and pays the sum of all
/// weights. So the turns of a heavy place lie as far apart as they can, and at the end of the round everybody is back
/// at nothing.
fn smooth(weights: &[i64]) -> Box<[u32]> {
    let total: i64 = weights.iter().sum();
    let mut earned = vec![0; weights.len()];
    let mut places = Vec::with_capacity(total as usize);
    for _ in 0..total {
        let mut richest = 0;
        for (place, weight) in weights.iter().enumerate() {
            earned[place] += weight;
            if earned[place] > earned[richest] {
                richest = place;
            }
        }
        earned[richest] -= total;
        places.push(richest as u32);
    }
    places.into()
}

fn common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 {
        a
    } else {
        common_divisor(b, a % b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(weights: &[u32]) -> Vec<usize> {
        let schedule = Schedule::new(weights);
        (0..schedule.len()).map(|turn| schedule.place(turn)).collect()
    }

    #[test]
    fn turns_of_a_heavy_place_lie_apart_as_in_nginx() {
        assert_eq!(places(&[5, 1, 1]), [0, 0, 1, 0, 2, 0, 0]);
        assert_eq!(places(&[3, 1]), [0, 0, 1, 0]);
        assert_eq!(places(&[1, 2]), [1, 0, 1]);
    }

    #[test]
    fn a_common_divisor_makes_no_longer_rounds() {
        assert_eq!(places(&[300, 100]), places(&[3, 1]));
        assert_eq!(Schedule::new(&[7, 7, 7]), Schedule::Even(3));
        assert_eq!(Schedule::new(&[]), Schedule::Even(0));
    }

    #[test]
    fn weights_that_need_too_long_a_round_are_rounded_and_nobody_is_left_out() {
        let schedule = Schedule::new(&[65_535, 65_534, 1]);
        assert!(schedule.len() as u64 <= LONGEST + 3);
        let mut counts = [0; 3];
        (0..schedule.len()).for_each(|turn| counts[schedule.place(turn)] += 1);
        assert_eq!(counts, [32_768, 32_767, 1]);
    }
}
