//! Which attributes the paths of expressions lead into.

use headwater_expression::{Condition, ExpressionKind, NestedPaths, Projection, Update};

use crate::notation::placeholders;

fn names(expression: &impl NestedPaths) -> String {
    let names: Vec<&str> = expression.nested_attributes().into_iter().collect();
    names.join(" ")
}

#[test]
fn conditions() {
    for (text, nested) in [
        ("a = b AND c IN (d, :v)", ""),
        ("a.b = c OR NOT d[0] < e.f.g", "a d e"),
        ("size(a.b) = size(c)", "a"),
        (
            "attribute_exists(a.b) AND attribute_not_exists(c[1])",
            "a c",
        ),
        (
            "a BETWEEN b.c AND d.e AND f IN (g.h, :v) AND contains(i, j.k) AND begins_with(l.m, :v)",
            "b d g j l",
        ),
    ] {
        let mut given = placeholders(":v='x'");
        let condition = Condition::parse(ExpressionKind::Filter, text, &mut given);
        assert_eq!(names(&condition.unwrap()), nested, "{text}");
    }
}

#[test]
fn projections() {
    for (text, nested) in [("a, b", ""), ("a, b.c, d[0], d[1].e", "b d")] {
        let projection = Projection::parse(text, &mut placeholders(""));
        assert_eq!(names(&projection.unwrap()), nested, "{text}");
    }
}

#[test]
fn updates() {
    for (text, nested) in [
        ("SET a = b, c = d + :v REMOVE e ADD f :v", ""),
        ("SET a.b = :v REMOVE c[0] ADD d.e :v", "a c d"),
        ("SET a = b.c, d = e.f + g[0]", "b e g"),
        (
            "SET a = if_not_exists(b.c, d.e), f = list_append(g.h, if_not_exists(i, j.k))",
            "b d g j",
        ),
    ] {
        let mut given = placeholders(":v=1");
        let update = Update::parse(text, &mut given);
        assert_eq!(names(&update.unwrap()), nested, "{text}");
    }
}
