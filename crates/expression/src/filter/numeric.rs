//! Numeric rules: equality and ranges of JSON numbers.
//!
//! Numbers are IEEE doubles, as in the ruler, which promises 15 digits of them. Whole numbers are compared exactly.

use serde_json::Number;

use super::tree::Tree;

/// Whether both have the same value: `300` is `300.0`. Lambda's guide says that it compares the text; the ruler of today
/// compares by value (triggers.md section 4).
pub(super) fn equal(a: &Number, b: &Number) -> bool {
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a.as_f64() == b.as_f64(),
    }
}

fn whole(number: &Number) -> Option<i128> {
    let unsigned = number.as_u64().map(i128::from);
    unsigned.or_else(|| number.as_i64().map(i128::from))
}

/// A range of numbers. A side that is open to infinity has no bound.
#[derive(Clone, Debug)]
pub(super) struct Range {
    bottom: Option<Bound>,
    top: Option<Bound>,
}

#[derive(Clone, Copy, Debug)]
struct Bound {
    value: f64,
    included: bool,
}

impl Range {
    /// Reads the value of `numeric`: one comparison, or one from below and then one from above (the ruler's order).
    pub(super) fn read(value: &Tree<'_>) -> Result<Range, String> {
        let Tree::Array(parts) = value else {
            return Err(format!("numeric takes an array, not {}", value.kind()));
        };
        match parts.as_slice() {
            [operator, number] => one(&comparison(operator, number)?),
            [first, bottom, second, top] => {
                let from = one(&comparison(first, bottom)?)?;
                let to = one(&comparison(second, top)?)?;
                between(&from, &to)
            }
            _ => Err(
                "numeric takes an operator and a number, or two of each: [\">\", 0, \"<=\", 5]"
                    .to_owned(),
            ),
        }
    }

    /// Whether the number lies in it.
    pub(super) fn contains(&self, number: &Number) -> bool {
        let Some(number) = number.as_f64() else {
            return false;
        };
        let above = |bound: Bound| number > bound.value || bound.included && number == bound.value;
        let below = |bound: Bound| number < bound.value || bound.included && number == bound.value;
        self.bottom.is_none_or(above) && self.top.is_none_or(below)
    }
}

struct Comparison<'t> {
    operator: &'t str,
    value: f64,
}

fn comparison<'t>(operator: &'t Tree<'_>, number: &Tree<'_>) -> Result<Comparison<'t>, String> {
    let Tree::String(operator) = operator else {
        let kind = operator.kind();
        return Err(format!("numeric takes an operator first, not {kind}"));
    };
    let value = match number {
        Tree::Number(number) => number.as_f64(),
        _ => None,
    };
    let value = value.ok_or_else(|| {
        let kind = number.kind();
        format!("{operator} of numeric takes a number, not {kind}")
    })?;
    Ok(Comparison { operator, value })
}

fn one(comparison: &Comparison<'_>) -> Result<Range, String> {
    let bound = |included| {
        let value = comparison.value;
        Some(Bound { value, included })
    };
    let (bottom, top) = match comparison.operator {
        "=" => (bound(true), bound(true)),
        "<" => (None, bound(false)),
        "<=" => (None, bound(true)),
        ">" => (bound(false), None),
        ">=" => (bound(true), None),
        other => {
            return Err(format!("numeric knows =, <, <=, > and >=, not {other:?}"));
        }
    };
    Ok(Range { bottom, top })
}

/// The ruler wants the lower end first, and below the upper one.
fn between(from: &Range, to: &Range) -> Result<Range, String> {
    match (from.bottom, from.top, to.bottom, to.top) {
        (Some(bottom), None, None, Some(top)) if bottom.value < top.value => Ok(Range {
            bottom: Some(bottom),
            top: Some(top),
        }),
        (Some(_), None, None, Some(_)) => {
            Err("the lower end of numeric must be below the upper one".to_owned())
        }
        _ => Err("two comparisons of numeric are > or >= first, then < or <=".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> Result<Range, String> {
        Range::read(&Tree::parse(text.as_bytes()).expect(text))
    }

    #[test]
    fn ranges_have_ends_that_are_in_or_out() {
        for (text, inside, outside) in [
            (r#"["=", 5]"#, &[5.0][..], &[4.9, 5.1][..]),
            (r#"["<", 5]"#, &[4.9, -1e300], &[5.0]),
            (r#"["<=", 5.5]"#, &[5.5], &[5.6]),
            (r#"[">", -1]"#, &[0.0], &[-1.0]),
            (r#"[">=", 3.018e2]"#, &[301.8], &[301.7]),
            (r#"[">", 0, "<=", 5]"#, &[0.1, 5.0], &[0.0, 5.1]),
            (r#"[">=", 0, "<", 5]"#, &[0.0, 4.9], &[5.0]),
        ] {
            let range = range(text).expect(text);
            let has = |value: &f64| range.contains(&Number::from_f64(*value).expect("finite"));
            assert!(inside.iter().all(has), "{text}");
            assert!(!outside.iter().any(has), "{text}");
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for bad in [
            "5",
            "[]",
            r#"["="]"#,
            r#"["!=", 1]"#,
            r#"["=", "1"]"#,
            "[5, 5]",
            r#"[">", 0, "<"]"#,
            r#"["<", 5, ">", 0]"#,
            r#"["=", 5, "<", 6]"#,
            r#"[">", 0, ">", 1]"#,
            r#"[">", 5, "<", 5]"#,
            r#"[">", 0, "<", 5, "<", 6]"#,
        ] {
            assert!(range(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn equality_is_by_value() {
        let number = |text: &str| serde_json::from_str::<Number>(text).expect(text);
        assert!(equal(&number("300"), &number("3.0e2")));
        assert!(equal(&number("-0.0"), &number("0")));
        assert!(!equal(
            &number("9007199254740993"),
            &number("9007199254740992")
        ));
        assert!(equal(
            &number("1e25"),
            &number("10000000000000000000000000")
        ));
    }
}
