//! What updates make of items.

use headwater_expression::ast::{Path, UpdateAction};
use headwater_expression::{Update, Updated};
use headwater_model::Item;

use crate::notation::{item, placeholders, value};

fn apply(old: Option<&Item>, text: &str, given: &str) -> Result<Updated, String> {
    let update = Update::parse(text, &mut placeholders(given)).expect(text);
    update
        .apply(old, &item("{pk: 1}"))
        .map_err(|error| error.to_string())
}

/// Each row: the old item, the update, its placeholders, and the new item.
#[track_caller]
fn check(rows: &[(&str, &str, &str, &str)]) {
    for (old, text, given, expected) in rows {
        let found = apply(Some(&item(old)), text, given).map(|updated| updated.item);
        assert_eq!(found, Ok(item(expected)), "{text} on {old}");
    }
}

#[track_caller]
fn check_faults(rows: &[(&str, &str, &str, &str)]) {
    for (old, text, given, expected) in rows {
        let found = apply(Some(&item(old)), text, given).map(|updated| updated.item);
        assert_eq!(found, Err((*expected).to_owned()), "{text} on {old}");
    }
}

#[test]
fn set() {
    check(&[
        ("{}", "SET a = :v", ":v=[1]", "{a: [1]}"),
        ("{a: 1}", "SET b = a, a = :v", ":v=2", "{a: 2, b: 1}"),
        ("{a: 1, b: 2}", "SET a = b, b = a", "", "{a: 2, b: 1}"),
        ("{a: 'x'}", "REMOVE a SET b = a", "", "{b: 'x'}"),
        (
            "{a: 2}",
            "SET a = a + :v, b = :v - a",
            ":v=3",
            "{a: 5, b: 1}",
        ),
        (
            "{a: 2}",
            "SET c = if_not_exists(c, :v) + (a)",
            ":v=0",
            "{a: 2, c: 2}",
        ),
        (
            "{a: 2}",
            "SET c = if_not_exists(b, if_not_exists(a, :v))",
            ":v=0",
            "{a: 2, c: 2}",
        ),
        (
            "{a: [1]}",
            "SET a = list_append(a, :v), b = list_append(:v, a)",
            ":v=[2]",
            "{a: [1, 2], b: [2, 1]}",
        ),
        (
            "{}",
            "SET a = list_append(if_not_exists(a, :e), :v)",
            ":e=[] :v=[1]",
            "{a: [1]}",
        ),
        (
            "{a: {b: 3}}",
            "SET a.b = :v, a.c = a.b",
            ":v=7",
            "{a: {b: 7, c: 3}}",
        ),
        (
            "{a: {b: [0, {c: 1}]}}",
            "SET a.b[1].#d = :v",
            "#d=c :v=7",
            "{a: {b: [0, {c: 7}]}}",
        ),
        ("{}", "SET #a = :v", "#a=a.b :v=1", "{a.b: 1}"),
    ]);
}

#[test]
fn lists() {
    check(&[
        ("{a: [1, 2, 3]}", "SET a[1] = :v", ":v=7", "{a: [1, 7, 3]}"),
        (
            "{a: [1, 2, 3]}",
            "SET a[7] = :v",
            ":v=7",
            "{a: [1, 2, 3, 7]}",
        ),
        ("{a: []}", "SET a[0] = :v", ":v=7", "{a: [7]}"),
        (
            "{a: [1]}",
            "SET a[84] = :a, a[37] = :b, a[50] = :c",
            ":a=84 :b=37 :c=50",
            "{a: [1, 37, 50, 84]}",
        ),
        (
            "{a: [2, 3, 4, 5, 6, 7]}",
            "REMOVE a[1] SET a[3] = :v",
            ":v=17",
            "{a: [2, 4, 17, 6, 7]}",
        ),
        (
            "{a: [1, 2, 3, 4]}",
            "REMOVE a[0], a[2], a[17]",
            "",
            "{a: [2, 4]}",
        ),
        (
            "{a: [1, 2]}",
            "REMOVE a[0], a[3] SET a[9] = :v",
            ":v=7",
            "{a: [2, 7]}",
        ),
        (
            "{a: ['x', {y: [3, 5, 7], q: 2}]}",
            "REMOVE a[1].y[1], a[1].q",
            "",
            "{a: ['x', {y: [3, 7]}]}",
        ),
        (
            "{a: [[1], [2]]}",
            "REMOVE a[0] SET a[1][0] = :v",
            ":v=7",
            "{a: [[7]]}",
        ),
    ]);
}

#[test]
fn remove() {
    check(&[
        ("{a: 1, b: 2}", "REMOVE a, c", "", "{b: 2}"),
        ("{a: {b: 1}}", "REMOVE a.b", "", "{a: {}}"),
        ("{a: [1]}", "REMOVE a[0]", "", "{a: []}"),
        (
            "{a: {x: 3}, b: ['hi']}",
            "REMOVE a.y, b[7]",
            "",
            "{a: {x: 3}, b: ['hi']}",
        ),
    ]);
}

#[test]
fn add_and_delete() {
    check(&[
        ("{a: 3}", "ADD a :v, b :v", ":v=-4", "{a: -1, b: -4}"),
        (
            "{a: <'x', 'z'>}",
            "ADD a :v",
            ":v=<'y', 'z'>",
            "{a: <'x', 'y', 'z'>}",
        ),
        (
            "{a: <1, 10>}",
            "ADD a :v",
            ":v=<2, 10.0>",
            "{a: <1, 2, 10>}",
        ),
        ("{m: {}}", "ADD m.a :v", ":v=<b'x'>", "{m: {a: <b'x'>}}"),
        (
            "{a: <'x', 'y'>}",
            "DELETE a :v",
            ":v=<'y', 'z'>",
            "{a: <'x'>}",
        ),
        ("{a: <1, 2>, b: 0}", "DELETE a :v", ":v=<1, 2, 3>", "{b: 0}"),
        ("{b: 0}", "DELETE a :v", ":v=<1>", "{b: 0}"),
        (
            "{l: [1, <1, 2>]}",
            "DELETE l[1] :v",
            ":v=<1, 2>",
            "{l: [1]}",
        ),
    ]);
}

#[test]
fn faults() {
    const PATH: &str = "The document path provided in the update expression is invalid for update";
    const TYPE: &str = "An operand in the update expression has an incorrect data type";
    const MISSING: &str =
        "The provided expression refers to an attribute that does not exist in the item";
    let item = "{s: 'x', l: [1], m: {}, n: 1, ns: <1>}";
    check_faults(&[
        (item, "SET s.a = :v", ":v=1", PATH),
        (item, "SET l.a = :v", ":v=1", PATH),
        (item, "SET q.a = :v", ":v=1", PATH),
        (item, "SET m[0] = :v", ":v=1", PATH),
        (item, "SET q[0] = :v", ":v=1", PATH),
        (item, "SET l[1].a = :v", ":v=1", PATH),
        (item, "SET m.a.b = :v", ":v=1", PATH),
        (item, "REMOVE s.a", "", PATH),
        (item, "REMOVE q.a", "", PATH),
        (item, "REMOVE q[0]", "", PATH),
        (item, "ADD q.a :v", ":v=1", PATH),
        (item, "ADD s :v", ":v=1", TYPE),
        (item, "ADD ns :v", ":v=1", TYPE),
        (item, "ADD ns :v", ":v=<'a'>", TYPE),
        (item, "ADD l :v", ":v=<1>", TYPE),
        (item, "DELETE n :v", ":v=<1>", TYPE),
        (item, "DELETE ns :v", ":v=<'a'>", TYPE),
        (item, "SET a = s + :v", ":v=1", TYPE),
        (item, "SET a = list_append(n, :v)", ":v=[]", TYPE),
        (item, "SET a = q", "", MISSING),
        (item, "SET a = q + :v", ":v=1", MISSING),
        (item, "SET a = list_append(q, :v)", ":v=[]", MISSING),
        (item, "SET a = if_not_exists(q, r)", "", MISSING),
    ]);
    let overflow =
        "Number overflow. Attempting to store a number with magnitude larger than supported range";
    check_faults(&[
        ("{n: 9e125}", "SET n = n + :v", ":v=9e125", overflow),
        ("{n: 9e125}", "ADD n :v", ":v=9e125", overflow),
    ]);
}

#[test]
fn values_written_many_times_are_bounded() {
    let big = "x".repeat(150_000);
    let old = item(&format!("{{a: '{big}'}}"));
    let fault = Err("Item size to update has exceeded the maximum allowed size".to_owned());
    assert_eq!(
        apply(Some(&old), "SET b = a, c = a, d = a", "").map(drop),
        fault
    );
    assert!(apply(Some(&old), "SET b = a, c = a", "").is_ok());
}

#[test]
fn missing_items() {
    let applied = |text: &str, given: &str| apply(None, text, given).map(|updated| updated.item);
    assert_eq!(applied("SET a = :v", ":v=1"), Ok(item("{pk: 1, a: 1}")));
    assert_eq!(applied("ADD a :v", ":v=1"), Ok(item("{pk: 1, a: 1}")));
    assert_eq!(applied("REMOVE a.b", ""), Ok(item("{pk: 1}")));
    assert_eq!(applied("DELETE a.b :v", ":v=<1>"), Ok(item("{pk: 1}")));
    assert_eq!(
        applied("SET a = if_not_exists(pk, :v)", ":v=2"),
        Ok(item("{pk: 1, a: 1}"))
    );
    assert_eq!(
        applied("SET a = pk, b = pk + pk, c = if_not_exists(c, pk)", ""),
        Ok(item("{pk: 1, a: 1, b: 2, c: 1}"))
    );
    assert!(applied("SET a = b", "").is_err());
    assert!(applied("SET a.b = :v", ":v=1").is_err());
    assert!(applied("SET a.b = pk", "").is_err());

    let creates = |text: &str| {
        Update::parse(text, &mut placeholders(":v=<1>"))
            .unwrap()
            .creates_item()
    };
    assert!(creates("SET a = :v") && creates("ADD a :v") && creates("REMOVE b SET a = :v"));
    assert!(!creates("REMOVE a") && !creates("DELETE a :v") && !creates("REMOVE b DELETE a :v"));
    assert!(Update::default().creates_item());
}

#[test]
fn touched_parts() {
    let old = item("{a: {b: 'dog', c: [1, 2, 3]}, d: 'cat'}");
    for (text, given, expected_old, expected_new) in [
        (
            "SET a.b = :v",
            ":v='hi'",
            "{a: {b: 'dog'}}",
            "{a: {b: 'hi'}}",
        ),
        (
            "SET a.c[1] = :v, a.b = :v",
            ":v=7",
            "{a: {b: 'dog', c: [2]}}",
            "{a: {b: 7, c: [7]}}",
        ),
        (
            "REMOVE a.c[1], a.c[3]",
            "",
            "{a: {c: [2]}}",
            "{a: {c: [3]}}",
        ),
        ("SET a.x = :v", ":v=8", "{}", "{a: {x: 8}}"),
        ("SET a.c[100] = :v", ":v=8", "{}", "{}"),
        ("REMOVE d", "", "{d: 'cat'}", "{}"),
        (
            "SET d = d, e = :v",
            ":v=1",
            "{d: 'cat'}",
            "{d: 'cat', e: 1}",
        ),
    ] {
        let updated = apply(Some(&old), text, given).unwrap();
        assert_eq!(
            updated.updated_old(Some(&old)),
            item(expected_old),
            "{text}"
        );
        assert_eq!(updated.updated_new(), item(expected_new), "{text}");
    }
    let created = apply(None, "SET a = :v", ":v=1").unwrap();
    assert_eq!(
        (created.updated_old(None), created.updated_new()),
        (Item::new(), item("{a: 1}"))
    );
}

#[test]
fn keys_are_refused() {
    let update = Update::parse("SET a.b = :v REMOVE pk", &mut placeholders(":v=1")).unwrap();
    assert_eq!(
        update
            .top_level_attributes()
            .into_iter()
            .collect::<Vec<_>>(),
        ["a", "pk"]
    );
    assert_eq!(update.refuse_keys(["id"]), Ok(()));
    assert_eq!(
        update.refuse_keys(["id", "pk"]).map_err(|error| error.to_string()),
        Err("One or more parameter values were invalid: Cannot update attribute pk. This attribute is part of the key".to_owned())
    );
}

/// The legacy ADD appends to lists; no expression can say that.
#[test]
fn built_updates() {
    let (path, value) = (Path::top_level("l"), value("[2]").into());
    let update = Update::new(vec![UpdateAction::Add { path, value }]);
    let updated = update.apply(Some(&item("{l: [1]}")), &Item::new());
    assert_eq!(updated.map(|updated| updated.item), Ok(item("{l: [1, 2]}")));
}

/// An attribute that is put into itself again and again once nested without end.
#[test]
fn nesting_ends_at_level_32() {
    let mut nested = item("{a: {}}");
    let update = Update::parse("SET a.b = a", &mut placeholders("")).unwrap();
    for depth in 2..=32 {
        nested = update.apply(Some(&nested), &Item::new()).unwrap().item;
        assert_eq!(nested.depth(), depth);
    }
    let fault = update.apply(Some(&nested), &Item::new()).unwrap_err();
    assert!(
        fault
            .to_string()
            .starts_with("Nesting Levels have exceeded supported limits")
    );
}

#[test]
fn types_that_are_known_without_an_item() {
    let text = "SET a = :s, b = c, d = b + :n, e = b - c, f = list_append(b, c), g = if_not_exists(g, :s), \
                h.i = :s REMOVE j ADD k :n DELETE l :set";
    let update = Update::parse(text, &mut placeholders(":s='x' :n=1 :set=<1>")).unwrap();
    for (attribute, known) in [
        ("a", Some("S")),
        ("b", None),
        ("c", None),
        ("d", Some("N")),
        ("e", Some("N")),
        ("f", Some("L")),
        ("g", None),
        ("h", None),
        ("j", None),
        ("k", Some("N")),
        ("l", Some("NS")),
    ] {
        assert_eq!(update.known_type(attribute), known, "{attribute}");
    }
}
