//! What projections show.

use headwater_expression::Projection;

use crate::notation::{item, placeholders};

#[test]
fn parts_of_an_item() {
    let whole = item("{a: {b: [1, 2, {c: 3, d: 4}], e: 'x'}, f: [[1, 2], [3, 4]], g: 5}");
    for (text, given, expected) in [
        ("a", "", "{a: {b: [1, 2, {c: 3, d: 4}], e: 'x'}}"),
        ("g, h", "", "{g: 5}"),
        ("a.e", "", "{a: {e: 'x'}}"),
        ("a.b[2].d, a.b[0]", "", "{a: {b: [1, {d: 4}]}}"),
        ("a.b[2].c, a.b[2].d", "", "{a: {b: [{c: 3, d: 4}]}}"),
        ("f[1][1], f[0][0], f[1][0]", "", "{f: [[1], [3, 4]]}"),
        ("a.#b[7], g.h, f.x, a.e[0]", "#b=b", "{}"),
        ("#p", "#p=a.b", "{}"),
        ("f[7], f[1]", "", "{f: [[3, 4]]}"),
    ] {
        let projection = Projection::parse(text, &mut placeholders(given)).unwrap();
        assert_eq!(projection.project(&whole), item(expected), "{text}");
    }
}

#[test]
fn attributes_are_told() {
    let projection = Projection::parse("b.c[0], a, b.d", &mut placeholders("")).unwrap();
    assert_eq!(projection.attributes().collect::<Vec<_>>(), ["a", "b"]);
}
