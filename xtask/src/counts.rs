//! Test counts: read from what a test runner prints, and added up.

use std::fmt;
use std::process::ExitCode;

/// How many tests of a suite passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tests that passed.
    pub passed: usize,
    /// Tests that failed.
    pub failed: usize,
}

impl Counts {
    /// A suite that could not report: one failure.
    pub const BROKEN: Self = Self {
        passed: 0,
        failed: 1,
    };

    /// A check that is not made of tests counts as one.
    pub fn of_check(ok: bool) -> Self {
        Self {
            passed: usize::from(ok),
            failed: usize::from(!ok),
        }
    }

    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
        }
    }

    /// What a task that ends with these counts returns.
    pub fn exit_code(self) -> ExitCode {
        if self.failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    /// The counts after a run ended: a runner that failed without a failed test, or ran nothing, is broken.
    pub fn concluded(self, success: bool) -> Self {
        if self.failed == 0 && (self.passed == 0 || !success) {
            self.plus(Self::BROKEN)
        } else {
            self
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// Reads the counts out of one line of a runner's output, if it holds any.
pub type LineReader = fn(&str) -> Option<Counts>;

/// `test result: ok. 3 passed; 0 failed; ...`, once per test binary.
pub fn libtest(line: &str) -> Option<Counts> {
    let rest = line.strip_prefix("test result: ")?;
    Some(Counts {
        passed: number_before(rest, "passed")?,
        failed: number_before(rest, "failed")?,
    })
}

/// `== 1 failed, 2 passed, 1 error in 0.10s ==`, once at the end.
pub fn pytest(line: &str) -> Option<Counts> {
    let inner = line.trim_matches(|c| c == '=' || c == ' ');
    let (summary, seconds) = inner.rsplit_once(" in ")?;
    if !seconds.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let passed = number_before(summary, "passed");
    let failed = number_before(summary, "failed");
    let errors = number_before(summary, "error").or_else(|| number_before(summary, "errors"));
    if passed.is_none() && failed.is_none() && errors.is_none() {
        return None;
    }
    Some(Counts {
        passed: passed.unwrap_or(0),
        failed: failed.unwrap_or(0) + errors.unwrap_or(0),
    })
}

/// Node's reporter prints `pass 3` and `fail 0` on lines of their own, behind one symbol.
pub fn node(line: &str) -> Option<Counts> {
    let mut words = line.split_whitespace().skip(1);
    let (kind, count) = (words.next()?, words.next()?.parse().ok()?);
    if words.next().is_some() {
        return None;
    }
    match kind {
        "pass" => Some(Counts {
            passed: count,
            failed: 0,
        }),
        "fail" | "cancelled" => Some(Counts {
            passed: 0,
            failed: count,
        }),
        _ => None,
    }
}

/// `Tests  1 failed | 56 passed (57)`, once at the end.
pub fn vitest(line: &str) -> Option<Counts> {
    let rest = line.trim_start().strip_prefix("Tests ")?;
    let (passed, failed) = (number_before(rest, "passed"), number_before(rest, "failed"));
    (passed.is_some() || failed.is_some()).then_some(Counts {
        passed: passed.unwrap_or(0),
        failed: failed.unwrap_or(0),
    })
}

/// `33 passed (1.1m)`, and `2 failed`, `1 interrupted`, `4 did not run` on lines of their own, at the end.
pub fn playwright(line: &str) -> Option<Counts> {
    let (count, kind) = line.trim().split_once(' ')?;
    let count = count.parse().ok()?;
    let (passed, failed) = match kind {
        "failed" | "interrupted" | "did not run" | "flaky" => (0, count),
        _ if kind.starts_with("passed (") => (count, 0),
        _ => return None,
    };
    Some(Counts { passed, failed })
}

fn number_before(text: &str, word: &str) -> Option<usize> {
    let words: Vec<&str> = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let at = words.iter().position(|found| *found == word)?;
    words.get(at.checked_sub(1)?)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(passed: usize, failed: usize) -> Option<Counts> {
        Some(Counts { passed, failed })
    }

    #[test]
    fn reads_each_runner() {
        let line =
            "test result: FAILED. 12 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(libtest(line), counts(12, 3));
        assert_eq!(libtest("test it::works ... ok"), None);
        let line = "===== 1 failed, 149 passed, 2 errors in 61.02s (0:01:01) =====";
        assert_eq!(pytest(line), counts(149, 3));
        assert_eq!(pytest("150 passed in 9.99s"), counts(150, 0));
        assert_eq!(pytest("the word passed in time"), None);
        assert_eq!(node("# pass 30"), counts(30, 0));
        assert_eq!(node("\u{2139} fail 1"), counts(0, 1));
        assert_eq!(node("ok 3 - pass 30 things"), None);
        assert_eq!(vitest("      Tests  57 passed (57)"), counts(57, 0));
        assert_eq!(vitest(" Tests  1 failed | 56 passed (57)"), counts(56, 1));
        assert_eq!(vitest(" Test Files  4 passed (4)"), None);
        assert_eq!(playwright("  33 passed (1.1m)"), counts(33, 0));
        assert_eq!(playwright("  2 failed"), counts(0, 2));
        assert_eq!(playwright("  3 did not run"), counts(0, 3));
        assert_eq!(playwright("  ok 3 shows 30 passed (items)"), None);
    }

    #[test]
    fn a_silent_runner_is_broken() {
        assert_eq!(Counts::default().concluded(true), Counts::BROKEN);
        let fine = Counts {
            passed: 2,
            failed: 0,
        };
        assert_eq!(fine.concluded(true), fine);
        assert_eq!(fine.concluded(false).failed, 1);
    }
}
