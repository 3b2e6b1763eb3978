//! What a test runner says of its failed tests, kept for the end of a long log.

/// Lines kept of one failed test: its name and the first lines of what it says.
const LINES_OF_A_FAILURE: usize = 16;
/// Lines kept of one suite; a suite that fails as a whole says the same a hundred times.
const LINES_OF_A_SUITE: usize = 64;

/// Whether a line begins what a runner says of a failed test.
pub type Begins = fn(&str) -> bool;

/// Takes the parts about failed tests out of a runner's output, line by line.
pub struct Excerpt {
    begins: Begins,
    lines: Vec<String>,
    /// How many more lines belong to the failure that was seen last.
    left: usize,
}

impl Excerpt {
    /// Nothing seen yet.
    pub fn new(begins: Begins) -> Self {
        Self {
            begins,
            lines: Vec::new(),
            left: 0,
        }
    }

    /// Takes the next line of the output.
    pub fn line(&mut self, line: &str) {
        if (self.begins)(line) {
            self.left = LINES_OF_A_FAILURE;
        }
        if self.left > 0 && self.lines.len() < LINES_OF_A_SUITE {
            self.left -= 1;
            self.lines.push(line.to_owned());
        }
    }

    /// The lines that were kept.
    pub fn into_lines(self) -> Vec<String> {
        self.lines
    }
}

/// `---- module::name stdout ----`, once per failed test, and what it printed below.
pub fn libtest(line: &str) -> bool {
    line.starts_with("---- ") && line.ends_with(" ----")
}

/// `FAILED file::name - why`, in the summary, and the lines that show what was expected.
pub fn pytest(line: &str) -> bool {
    ["FAILED ", "ERROR ", "E   "]
        .iter()
        .any(|start| line.starts_with(start))
}

/// Node names a failed test behind a cross, again at the end with what it says.
pub fn node(line: &str) -> bool {
    line.trim_start().starts_with("\u{2716} ")
}

/// ` FAIL  file > name`, once per failed test, and what it says below.
pub fn vitest(line: &str) -> bool {
    line.starts_with(" FAIL ")
}

/// `  1) [project] > file > name`, once per failed test, and what it says below.
pub fn playwright(line: &str) -> bool {
    line.trim_start()
        .split_once(") [")
        .is_some_and(|(number, _)| number.parse::<usize>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_where_each_runner_speaks_of_a_failure() {
        assert!(libtest("---- it::bounds::idle stdout ----"));
        assert!(!libtest("test it::bounds::idle ... ok"));
        assert!(pytest(
            "FAILED tests/sdk/python/test_a.py::test_b - KeyError: 1"
        ));
        assert!(!pytest("........ [ 12%]"));
        assert!(node("  \u{2716} puts an item (12.5ms)"));
        assert!(!node("  \u{2714} puts an item (12.5ms)"));
        assert!(vitest(" FAIL  src/a.test.ts > adds"));
        assert!(!vitest(" RUN  v4.1.12"));
        assert!(playwright(
            "  1) [e2e] \u{203a} tests/e2e/a.spec.ts:3:1 \u{203a} shows it"
        ));
        assert!(!playwright("  ok 1 [e2e] \u{203a} tests/e2e/a.spec.ts:3:1"));
    }

    #[test]
    fn keeps_the_first_lines_of_each_failure_and_no_more_than_a_suite_may_have() {
        let mut excerpt = Excerpt::new(libtest);
        excerpt.line("test a ... ok");
        for failure in 0..20 {
            excerpt.line(&format!("---- {failure} stdout ----"));
            for line in 0..40 {
                excerpt.line(&format!("line {line}"));
            }
        }
        let lines = excerpt.into_lines();
        assert_eq!(lines.len(), LINES_OF_A_SUITE);
        assert_eq!(lines[0], "---- 0 stdout ----");
        assert_eq!(lines[LINES_OF_A_FAILURE - 1], "line 14");
        assert_eq!(lines[LINES_OF_A_FAILURE], "---- 1 stdout ----");
    }
}
