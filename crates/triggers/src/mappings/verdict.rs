//! What becomes of a batch that failed (triggers.md sections 5 and 6). Pure.

/// How a batch failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// All of it.
    Whole,
    /// The record at this place and what follows; the function says so.
    From(usize),
}

/// The mapping's rules.
#[derive(Clone, Copy, Debug)]
pub(super) struct RetryRules {
    /// `None` is for as long as the records are kept.
    pub(super) retries_max: Option<u32>,
    pub(super) bisects: bool,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The first `done` records are done; the rest is tried again and has failed so often, or is new if it has not.
    Retry { done: usize, failures: u32 },
    /// The first `at` records are tried by themselves, then the others.
    Split { at: usize },
    /// The first `done` records are done; the rest is given up.
    GiveUp { done: usize },
}

/// Judges a batch of so many records that had failed so often before this fault.
pub(super) fn judge(records: usize, failures: u32, fault: Fault, rules: RetryRules) -> Verdict {
    let (done, failures) = match fault {
        // A split is no retry, and each part has retries of its own.
        Fault::Whole if rules.bisects && records > 1 => {
            return Verdict::Split {
                at: records.div_ceil(2),
            };
        }
        // Split at the record that is named; nobody knows anything of those behind it.
        Fault::From(0) if rules.bisects && records > 1 => return Verdict::Split { at: 1 },
        Fault::From(done) if rules.bisects && (1..records).contains(&done) => {
            return Verdict::Retry { done, failures: 0 };
        }
        Fault::Whole | Fault::From(0) => (0, failures.saturating_add(1)),
        // It got further: the rest counts anew (unconfirmed), with this call as its first.
        Fault::From(done) => (done.min(records.saturating_sub(1)), 1),
    };
    if rules.is_exhausted(failures) {
        return Verdict::GiveUp { done };
    }
    Verdict::Retry { done, failures }
}

impl RetryRules {
    /// Whether a batch of so many records that failed so often, perhaps by other rules, is given up without another call.
    /// One that can be split is not: its next failure splits it.
    pub(super) fn is_given_up(self, records: usize, failures: u32) -> bool {
        self.is_exhausted(failures) && !(self.bisects && records > 1)
    }

    /// Whether so many failures are more than the retries: n of them are n + 1 calls.
    fn is_exhausted(self, failures: u32) -> bool {
        self.retries_max
            .is_some_and(|retries_max| failures > retries_max)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    const PATIENT: RetryRules = RetryRules {
        retries_max: Some(2),
        bisects: false,
    };

    #[test]
    fn n_retries_are_n_plus_one_calls() {
        let retry = |failures| Verdict::Retry { done: 0, failures };
        assert_eq!(judge(5, 0, Fault::Whole, PATIENT), retry(1));
        assert_eq!(judge(5, 1, Fault::Whole, PATIENT), retry(2));
        let over = Verdict::GiveUp { done: 0 };
        assert_eq!(judge(5, 2, Fault::Whole, PATIENT), over);
        let none = RetryRules {
            retries_max: Some(0),
            ..PATIENT
        };
        assert_eq!(judge(5, 0, Fault::Whole, none), over);
        let endless = RetryRules {
            retries_max: None,
            ..PATIENT
        };
        assert_eq!(judge(5, 9_999, Fault::Whole, endless), retry(10_000));
    }

    #[test]
    fn a_split_is_no_retry_and_ends_with_single_records() {
        let rules = RetryRules {
            retries_max: Some(0),
            bisects: true,
        };
        assert_eq!(judge(5, 0, Fault::Whole, rules), Verdict::Split { at: 3 });
        assert_eq!(judge(2, 0, Fault::Whole, rules), Verdict::Split { at: 1 });
        assert_eq!(
            judge(1, 0, Fault::Whole, rules),
            Verdict::GiveUp { done: 0 }
        );
    }

    #[test]
    fn what_the_function_did_is_done_and_the_rest_counts_anew() {
        let retry = |done, failures| Verdict::Retry { done, failures };
        assert_eq!(judge(5, 2, Fault::From(3), PATIENT), retry(3, 1));
        assert_eq!(judge(5, 1, Fault::From(0), PATIENT), retry(0, 2));
        assert_eq!(
            judge(5, 2, Fault::From(0), PATIENT),
            Verdict::GiveUp { done: 0 }
        );
        let none = RetryRules {
            retries_max: Some(0),
            ..PATIENT
        };
        assert_eq!(
            judge(5, 0, Fault::From(3), none),
            Verdict::GiveUp { done: 3 }
        );
    }

    #[test]
    fn a_split_is_at_the_record_that_is_named() {
        let rules = RetryRules {
            retries_max: Some(0),
            bisects: true,
        };
        let rest = Verdict::Retry {
            done: 3,
            failures: 0,
        };
        assert_eq!(judge(5, 0, Fault::From(3), rules), rest);
        assert_eq!(judge(2, 0, Fault::From(0), rules), Verdict::Split { at: 1 });
        let over = Verdict::GiveUp { done: 0 };
        assert_eq!(judge(1, 0, Fault::From(0), rules), over);
        let patient = RetryRules {
            retries_max: Some(1),
            ..rules
        };
        let again = Verdict::Retry {
            done: 0,
            failures: 1,
        };
        assert_eq!(judge(1, 0, Fault::From(0), patient), again);
        assert_eq!(judge(1, 1, Fault::From(0), patient), over);
    }

    #[test]
    fn a_batch_that_can_be_split_is_not_given_up_for_its_count() {
        let splits = RetryRules {
            bisects: true,
            ..PATIENT
        };
        assert!(PATIENT.is_given_up(4, 3));
        assert!(!PATIENT.is_given_up(4, 2));
        assert!(!splits.is_given_up(4, 3));
        assert!(splits.is_given_up(1, 3));
        assert!(!splits.is_given_up(1, 2));
    }

    proptest! {
        /// With bounded retries every batch comes to its end, whatever the function answers.
        #[test]
        fn every_batch_ends(
            records in 1..40_usize,
            retries_max in 0..4_u32,
            bisects in any::<bool>(),
            faults in proptest::collection::vec(0..50_usize, 1..20),
        ) {
            let rules = RetryRules { retries_max: Some(retries_max), bisects };
            let mut waiting = vec![(records, 0)];
            let (mut gone, mut calls) = (0, 0_usize);
            while let Some((records, failures)) = waiting.pop() {
                let at = faults[calls % faults.len()];
                let fault = if at < records { Fault::From(at) } else { Fault::Whole };
                calls += 1;
                match judge(records, failures, fault, rules) {
                    Verdict::Retry { done, failures } => {
                        gone += done;
                        waiting.push((records - done, failures));
                    }
                    Verdict::Split { at } => {
                        waiting.push((records - at, 0));
                        waiting.push((at, 0));
                    }
                    Verdict::GiveUp { .. } => gone += records,
                }
                prop_assert!(calls <= 2 * 40 * 5);
            }
            prop_assert_eq!(gone, records);
        }
    }
}
