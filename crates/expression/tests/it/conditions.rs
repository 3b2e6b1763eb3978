//! What conditions say about items.

use headwater_expression::{Condition, ExpressionKind};

use crate::notation::{item, placeholders};

const ITEM: &str = "{n: 5, s: 'hello', b: b'hi there', t: true, z: null, l: [2, 'dog', [3, 4]], \
    m: {x: 1, y: {k: 'v'}}, ns: <2, 4, 7>, ss: <'cat', 'dog'>, u: '\u{e9}\u{1d11e}', five: 5.0}";

/// Each row: a condition that holds for [`ITEM`] if the first character is `+`.
#[track_caller]
fn check(rows: &[(&str, &str)]) {
    let item = item(ITEM);
    for (row, given) in rows {
        let (expected, text) = (row.starts_with('+'), &row[1..]);
        let condition =
            Condition::parse(ExpressionKind::Filter, text, &mut placeholders(given)).expect(text);
        assert_eq!(condition.evaluate(&item), expected, "{text} with {given}");
    }
}

#[test]
fn comparisons() {
    check(&[
        ("+n = :v", ":v=5"),
        ("+n = five", ""),
        ("-n = :v", ":v='5'"),
        ("+n <> :v", ":v='5'"),
        ("+n < :v", ":v=5.1"),
        ("-n < :v", ":v=5"),
        ("+n <= :v", ":v=5"),
        ("+n > :v", ":v=-50"),
        ("+n >= :v", ":v=5"),
        ("-n > :v", ":v='4'"),
        ("+s < :v", ":v='hellp'"),
        ("+b > :v", ":v=b'hi'"),
        ("-l < n", ""),
        ("+l = :v", ":v=[2, 'dog', [3, 4]]"),
        ("+m = :v", ":v={y: {k: 'v'}, x: 1}"),
        ("+ns = :v", ":v=<7, 2, 4>"),
        ("+t = :v AND z = :w", ":v=true :w=null"),
        ("+m.x < l[0]", ""),
        ("+m.y.k = :v", ":v='v'"),
        ("-l[9] = :v", ":v=1"),
        ("+n BETWEEN m.x AND :v", ":v=5"),
        ("-n BETWEEN :v AND m.x", ":v=5"),
        ("+:v BETWEEN m.x AND n", ":v=3"),
        ("-n BETWEEN :v AND :w", ":v='1' :w='9'"),
        ("+n IN (:v, s, :w)", ":v='5' :w=5"),
        ("-n IN (:v)", ":v=6"),
    ]);
}

#[test]
fn missing_attributes_equal_nothing() {
    check(&[
        ("-q = :v", ":v=1"),
        ("-q = r", ""),
        ("+q <> :v", ":v=1"),
        ("+q <> r", ""),
        ("-q < :v", ":v=1"),
        ("-:v >= q", ":v=1"),
        ("-q BETWEEN r AND s", ""),
        ("-q IN (r, :v)", ":v=1"),
        ("-begins_with(q, s)", ""),
        ("-contains(l, q)", ""),
        ("+NOT contains(q, s)", ""),
        ("-attribute_type(q, :v)", ":v='S'"),
        ("-size(q) >= :v", ":v=0"),
        ("+size(q) <> :v", ":v=0"),
    ]);
}

#[test]
fn functions() {
    check(&[
        ("+attribute_exists(m.y.k)", ""),
        ("-attribute_exists(m.y.j)", ""),
        ("-attribute_exists(s.y)", ""),
        (
            "+attribute_not_exists(l[3]) AND attribute_exists(l[2][1])",
            "",
        ),
        ("+attribute_type(ns, :v)", ":v='NS'"),
        ("-attribute_type(ns, :v)", ":v='N'"),
        ("+attribute_type(:w, :v)", ":v='L' :w=[]"),
        ("+begins_with(s, :v)", ":v='hell'"),
        ("+begins_with(b, :v)", ":v=b'hi'"),
        ("-begins_with(s, :v)", ":v=b'hell'"),
        ("-begins_with(n, :v)", ":v='5'"),
        ("+contains(s, :v)", ":v='ell'"),
        ("+contains(b, :v)", ":v=b'the'"),
        ("+contains(ns, :v) AND contains(ss, :w)", ":v=4.0 :w='cat'"),
        ("-contains(ns, :v)", ":v='4'"),
        ("+contains(l, :v)", ":v=[3, 4]"),
        ("-contains(m, :v)", ":v='x'"),
        ("-contains(n, :v)", ":v=5"),
    ]);
}

#[test]
fn sizes() {
    check(&[
        ("+size(s) = n", ""),
        ("+size(b) = :v", ":v=8"),
        ("+size(l) = :v AND size(ns) = :v", ":v=3"),
        ("+size(m) = :v AND size(ss) = :v", ":v=2"),
        ("+size(u) = :v", ":v=3"),
        ("+size(:v) < n", ":v='four'"),
        ("-size(n) >= :v OR size(t) >= :v OR size(z) >= :v", ":v=0"),
        ("-size(s) = :v", ":v='5'"),
        ("+size(m.y.k) IN (m.x)", ""),
    ]);
}

#[test]
fn precedence() {
    check(&[
        ("+n = :v OR n = :w AND n = :w", ":v=5 :w=6"),
        ("-(n = :v OR n = :w) AND n = :w", ":v=5 :w=6"),
        ("+NOT n = :w AND n = :v", ":v=5 :w=6"),
        ("-NOT (n = :w OR n = :v)", ":v=5 :w=6"),
        ("+nOt NOT n = :v", ":v=5"),
        ("-NOT NOT NOT n = :v", ":v=5"),
        (
            "+n between :v and :w aNd s = s2 or t = :t",
            ":v=5 :w=6 :t=true",
        ),
        ("+NOT (NOT (n = :v AND NOT (n = :w)))", ":v=5 :w=6"),
    ]);
}

#[test]
fn attributes_are_told_and_keys_refused() {
    let text = "a.b = :v AND (NOT size(c[1]) IN (d, :v) OR attribute_exists(#e))";
    let mut given = placeholders(":v=1 #e=e.f");
    let condition = Condition::parse(ExpressionKind::Filter, text, &mut given).unwrap();
    assert_eq!(
        condition.attributes().into_iter().collect::<Vec<_>>(),
        ["a", "c", "d", "e.f"]
    );
    assert_eq!(condition.refuse_keys(["pk", "sk"]), Ok(()));
    assert_eq!(
        condition.refuse_keys(["pk", "c"]).map_err(|error| error.to_string()),
        Err("Filter Expression can only contain non-primary key attributes: Primary key attribute: c".to_owned())
    );
}
