//! Which runs are merged, by their sizes alone.
//!
//! Runs are ordered by age. A few of about the same size become one (a tier); and when all together are large beside the
//! oldest one, so that much of it must be superseded, they and it become one. So a value is written again a few times
//! only, a read looks into few runs, and the file is not much larger than what it holds.

use std::ops::Range;

/// So many neighbours of a tier are merged.
const TIER_RUNS: usize = 4;
/// Each tier is so many times as large as the one before.
const TIER_GROWTH: u64 = 4;
/// The first tier has everything up to this.
const FIRST_TIER_BYTES: u64 = 1 << 20;
/// More runs than tiers of growing runs make.
const MANY_RUNS: usize = 15;
/// An oldest run beyond this is merged when the others have half of its size, not all of it.
const LARGE_BYTES: u64 = 1 << 30;

/// The runs to merge next, of `weights` from the newest to the oldest. `has_oldest` says that the last of them is the
/// oldest of the store: otherwise those behind are being merged already.
pub(super) fn plan(weights: &[u64], has_oldest: bool) -> Option<Range<usize>> {
    let newer = match has_oldest {
        true => weights.len().saturating_sub(1),
        false => weights.len(),
    };
    if has_oldest && newer > 0 {
        let oldest = weights[newer];
        let together: u64 = weights[..newer].iter().sum();
        let enough = match oldest > LARGE_BYTES {
            true => oldest / 2,
            false => oldest,
        };
        if together >= enough {
            return Some(0..weights.len());
        }
    }
    let tiers: Vec<u32> = weights[..newer]
        .iter()
        .map(|weight| tier(*weight))
        .collect();
    let highest = tiers.iter().copied().max()?;
    let tier = (0..=highest).find_map(|tier| window(&tiers, tier));
    tier.or_else(|| cheapest(&weights[..newer]))
}

/// Of very many runs, with small ones between large ones, the neighbours that are the least together.
fn cheapest(weights: &[u64]) -> Option<Range<usize>> {
    if weights.len() < MANY_RUNS {
        return None;
    }
    let windows = weights.windows(TIER_RUNS).enumerate();
    let (start, _) = windows.min_by_key(|(_, window)| window.iter().sum::<u64>())?;
    Some(start..start + TIER_RUNS)
}

/// The first neighbours that are not above a tier, if enough of them are of it. Smaller ones among them come along.
fn window(tiers: &[u32], tier: u32) -> Option<Range<usize>> {
    let (mut start, mut count) = (0, 0);
    for end in 0..=tiers.len() {
        if end < tiers.len() && tiers[end] <= tier {
            count += usize::from(tiers[end] == tier);
            continue;
        }
        if count >= TIER_RUNS {
            return Some(start..end);
        }
        (start, count) = (end + 1, 0);
    }
    None
}

fn tier(weight: u64) -> u32 {
    let mut above = weight / FIRST_TIER_BYTES;
    let mut tier = 0;
    while above > 0 {
        above /= TIER_GROWTH;
        tier += 1;
    }
    tier
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Adds runs one by one and merges as planned, with nothing superseded; tells the runs that are left, the most
    /// there were after merging, and how often a byte was written on average.
    fn run(added: impl IntoIterator<Item = u64>) -> (Vec<u64>, usize, f64) {
        let (mut weights, mut most) = (Vec::<u64>::new(), 0);
        let (mut written, mut all) = (0, 0);
        for weight in added {
            weights.insert(0, weight);
            all += weight;
            written += weight;
            while let Some(range) = plan(&weights, true) {
                assert!(range.len() > 1);
                let merged = weights[range.clone()].iter().sum();
                written += merged;
                weights.splice(range, [merged]);
            }
            most = most.max(weights.len());
        }
        (weights, most, written as f64 / all as f64)
    }

    #[test]
    fn ten_gigabytes_in_parts_of_a_checkpoint_stay_few_runs_and_are_written_few_times() {
        let (_, most, times) = run(std::iter::repeat_n(64 << 20, 160));
        assert!(most <= 12, "{most} runs");
        assert!(times < 8.0, "written {times} times");
    }

    #[test]
    fn updates_of_a_large_store_are_merged_without_it_until_they_are_half_of_it() {
        let mut weights = vec![10 << 30];
        let (mut most, mut written) = (0, 0);
        let mut added = 0;
        loop {
            weights.insert(0, 64 << 20);
            added += 64_u64 << 20;
            while let Some(range) = plan(&weights, true) {
                if range.end == weights.len() {
                    assert!(added >= 5 << 30, "after {added}");
                    assert!(written <= 4 * added, "{written} written for {added}");
                    assert!(most <= 13, "{most} runs");
                    return;
                }
                let merged = weights[range.clone()].iter().sum();
                written += merged;
                weights.splice(range, [merged]);
            }
            most = most.max(weights.len());
        }
    }

    proptest! {
        #[test]
        fn runs_of_any_sizes_stay_few(added in prop::collection::vec(1_u64..300 << 20, 1..200)) {
            let (weights, most, _) = run(added.clone());
            prop_assert_eq!(weights.iter().sum::<u64>(), added.iter().sum::<u64>());
            prop_assert!(most <= MANY_RUNS, "{} runs", most);
        }

        #[test]
        fn what_is_newer_than_a_merge_is_never_merged_with_it(weights in prop::collection::vec(0_u64..1 << 33, 0..40)) {
            if let Some(range) = plan(&weights, false) {
                prop_assert!(range.len() >= TIER_RUNS && range.end <= weights.len());
            }
        }
    }
}
