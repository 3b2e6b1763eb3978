//! What a test runner says of its failed tests, kept for the end of a long log.

/// Lines kept of what a runner says of one failed test.
const LINES_OF_A_FAILURE: usize = 16;
/// Lines kept of that for a whole suite, which may say the same a hundred times. Names are kept beside.
const DETAILS_OF_A_SUITE: usize = 64;
/// Names kept of a suite's failed tests.
const NAMES_OF_A_SUITE: usize = 200;

/// What a line says of a failed test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// Its name; more on it may follow.
    Name,
    /// Something on it, in this line alone.
    Detail,
}

/// Finds lines on failed tests in what a runner prints.
pub type Reader = fn(&str) -> Option<Said>;

/// Takes the parts about failed tests out of a runner's output, line by line.
pub struct Excerpt {
    reader: Reader,
    lines: Vec<String>,
    names: usize,
    details: usize,
    /// How many more lines belong to the failure that was named last.
    left: usize,
}

impl Excerpt {
    /// Nothing seen yet.
    pub fn new(reader: Reader) -> Self {
        Self {
            reader,
            lines: Vec::new(),
            names: 0,
            details: 0,
            left: 0,
        }
    }

    /// Takes the next line of the output.
    pub fn line(&mut self, line: &str) {
        let said = (self.reader)(line);
        if said == Some(Said::Name) {
            self.left = LINES_OF_A_FAILURE;
            self.names += 1;
            if self.names <= NAMES_OF_A_SUITE {
                self.lines.push(line.to_owned());
            }
        } else if said.is_some() || self.left > 0 {
            self.left = self.left.saturating_sub(1);
            self.details += 1;
            if self.details <= DETAILS_OF_A_SUITE {
                self.lines.push(line.to_owned());
            }
        }
    }

    /// The lines that were kept.
    pub fn into_lines(self) -> Vec<String> {
        self.lines
    }
}

/// `---- module::name stdout ----`, once per failed test, and what it printed below.
pub fn libtest(line: &str) -> Option<Said> {
    (line.starts_with("---- ") && line.ends_with(" ----")).then_some(Said::Name)
}

/// `FAILED file::name - why`, in the summary, and before it the lines that show what was expected.
pub fn pytest(line: &str) -> Option<Said> {
    match line {
        _ if line.starts_with("FAILED ") || line.starts_with("ERROR ") => Some(Said::Name),
        _ if line.starts_with("E   ") => Some(Said::Detail),
        _ => None,
    }
}

/// Node names a failed test behind a cross, again at the end with what it says.
pub fn node(line: &str) -> Option<Said> {
    let line = line.trim_start();
    line.starts_with("\u{2716} ").then_some(Said::Name)
}

/// ` FAIL  file > name`, once per failed test, and what it says below.
pub fn vitest(line: &str) -> Option<Said> {
    line.starts_with(" FAIL ").then_some(Said::Name)
}

/// `  1) [project] > file > name`, once per failed test, and what it says below.
pub fn playwright(line: &str) -> Option<Said> {
    let (number, _) = line.trim_start().split_once(") [")?;
    number.parse::<usize>().is_ok().then_some(Said::Name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_where_each_runner_speaks_of_a_failure() {
        let named = |reader: Reader, line: &str| reader(line) == Some(Said::Name);
        assert!(named(libtest, "---- it::bounds::idle stdout ----"));
        assert!(!named(libtest, "test it::bounds::idle ... ok"));
        assert!(named(pytest, "FAILED tests/a.py::test_b - KeyError: 1"));
        assert_eq!(pytest("E   assert 1 == 2"), Some(Said::Detail));
        assert_eq!(pytest("........ [ 12%]"), None);
        assert!(named(node, "  \u{2716} puts an item (12.5ms)"));
        assert!(!named(node, "  \u{2714} puts an item (12.5ms)"));
        assert!(named(vitest, " FAIL  src/a.test.ts > adds"));
        assert!(!named(vitest, " RUN  v4.1.12"));
        assert!(named(playwright, "  1) [e2e] \u{203a} a.spec.ts:3:1"));
        assert!(!named(playwright, "  ok 1 [e2e] \u{203a} a.spec.ts:3:1"));
    }

    #[test]
    fn keeps_each_name_and_the_first_lines_of_what_is_said() {
        let mut excerpt = Excerpt::new(libtest);
        excerpt.line("test a ... ok");
        for failure in 0..20 {
            excerpt.line(&format!("---- {failure} stdout ----"));
            for line in 0..40 {
                excerpt.line(&format!("line {line}"));
            }
        }
        let lines = excerpt.into_lines();
        assert_eq!(lines.len(), 20 + DETAILS_OF_A_SUITE);
        assert_eq!(lines[0], "---- 0 stdout ----");
        assert_eq!(lines[LINES_OF_A_FAILURE], "line 15");
        assert_eq!(lines[LINES_OF_A_FAILURE + 1], "---- 1 stdout ----");
        assert_eq!(lines[lines.len() - 1], "---- 19 stdout ----");
    }
}
