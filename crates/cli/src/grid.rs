//! A table of texts in columns, no wider than the terminal; and texts that are safe to show there.

/// Space between columns.
const GAP: usize = 2;
/// What stands for the rest of a text that was cut.
const CUT: &str = "...";

/// A column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) title: &'static str,
    /// It is not made narrower than this, or than its title.
    pub(crate) width_min: usize,
    /// Numbers stand to the right.
    pub(crate) is_number: bool,
}

impl Column {
    pub(crate) const fn text(title: &'static str, width_min: usize) -> Self {
        Self {
            title,
            width_min,
            is_number: false,
        }
    }

    /// Is never cut.
    pub(crate) const fn number(title: &'static str) -> Self {
        Self {
            title,
            width_min: usize::MAX,
            is_number: true,
        }
    }
}

/// The lines of a table, its titles first. Cells are cut where the table would be wider than `columns_max`.
pub(crate) fn lines(
    columns: &[Column],
    rows: &[Vec<String>],
    columns_max: Option<usize>,
) -> Vec<String> {
    let titles: Vec<String> = columns
        .iter()
        .map(|column| column.title.to_owned())
        .collect();
    let mut widths: Vec<usize> = titles.iter().map(|title| chars(title)).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(chars(cell));
        }
    }
    if let Some(columns_max) = columns_max {
        shrink(columns, &mut widths, columns_max);
    }
    std::iter::once(&titles)
        .chain(rows)
        .map(|row| line(columns, row, &widths))
        .collect()
}

/// Takes from the column that has most to spare, until all fit or none has.
fn shrink(columns: &[Column], widths: &mut [usize], columns_max: usize) {
    let gaps = GAP * columns.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > columns_max {
        let spare = |(at, width): (usize, &usize)| {
            let least = columns[at].width_min.max(chars(columns[at].title));
            (width.saturating_sub(least), at)
        };
        match widths.iter().enumerate().map(spare).max() {
            Some((1.., at)) => widths[at] -= 1,
            _ => break,
        }
    }
}

fn line(columns: &[Column], row: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for ((column, cell), width) in columns.iter().zip(row).zip(widths) {
        let cell = cut(cell, *width);
        if !line.is_empty() {
            line.push_str(&" ".repeat(GAP));
        }
        match column.is_number {
            true => line.push_str(&format!("{cell:>width$}")),
            false => line.push_str(&format!("{cell:<width$}")),
        }
    }
    line.truncate(line.trim_end().len());
    line
}

fn chars(text: &str) -> usize {
    text.chars().count()
}

/// A text of so many characters at most.
pub(crate) fn cut(text: &str, chars_max: usize) -> String {
    if chars(text) <= chars_max {
        return text.to_owned();
    }
    let kept = chars_max.saturating_sub(CUT.len());
    let mut short: String = text.chars().take(kept).collect();
    short.extend(CUT.chars().take(chars_max - kept));
    short
}

/// A text in lines of so many characters at most, broken between words where that is possible.
pub(crate) fn wrapped(text: &str, chars_max: usize) -> Vec<String> {
    let chars_max = chars_max.max(1);
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        loop {
            let line = lines.last_mut().map(|line| (chars(line), line));
            let Some((used, line)) = line else { break };
            let gap = usize::from(used > 0);
            if used + gap + word.len() <= chars_max {
                line.push_str(&" ".repeat(gap));
                line.extend(&word);
                break;
            }
            if used == 0 {
                line.extend(word.drain(..chars_max));
            }
            lines.push(String::new());
        }
    }
    lines
}

/// A text in one line. Nothing of what a function says may reach a terminal as a control sequence.
pub(crate) fn safe(text: &str) -> String {
    let mut safe = String::new();
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => safe.push(' '),
            c if c.is_control() => safe.extend(c.escape_unicode()),
            c => safe.push(c),
        }
    }
    safe
}

/// Lines with their tabs, of which nothing else reaches a terminal as a control sequence.
pub(crate) fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => visible.push(c),
            c if c.is_control() => visible.extend(c.escape_unicode()),
            c => visible.push(c),
        }
    }
    visible
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [
        Column::text("NAME", 4),
        Column::number("COUNT"),
        Column::text("WHY", 6),
    ];

    fn rows() -> Vec<Vec<String>> {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        vec![
            row(["a", "7", "a reason of some length"]),
            row(["a longer name", "1200", ""]),
        ]
    }

    #[test]
    fn wide_tables_show_everything() {
        let expected = [
            "NAME           COUNT  WHY",
            "a                  7  a reason of some length",
            "a longer name   1200",
        ];
        assert_eq!(lines(&COLUMNS, &rows(), None), expected);
        assert_eq!(lines(&COLUMNS, &rows(), Some(200)), expected);
    }

    #[test]
    fn narrow_tables_cut_what_is_longest() {
        let expected = [
            "NAME          COUNT  WHY",
            "a                 7  a reason of...",
            "a longer ...   1200",
        ];
        assert_eq!(lines(&COLUMNS, &rows(), Some(35)), expected);
        for columns_max in 21..60 {
            for line in lines(&COLUMNS, &rows(), Some(columns_max)) {
                assert!(chars(&line) <= columns_max, "{columns_max}: {line}");
            }
        }
        // There is an end to it.
        let least = lines(&COLUMNS, &rows(), Some(1));
        assert_eq!(least[1], "a         7  a r...");
    }

    #[test]
    fn texts_are_wrapped_between_words() {
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrapped("", 3), [""]);
        assert_eq!(wrapped("ab", 0), ["a", "b"]);
    }

    #[test]
    fn control_sequences_are_shown_as_text() {
        assert_eq!(safe("a\u{1b}[2J\nb"), "a\\u{1b}[2J b");
        assert_eq!(
            visible("a\tb\n\u{1b}[2J\u{9b}2J\u{7f}\rc"),
            "a\tb\n\\u{1b}[2J\\u{9b}2J\\u{7f}\\u{d}c"
        );
    }
}
