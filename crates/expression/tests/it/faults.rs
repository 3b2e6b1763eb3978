//! The sentences that clients see, and which of several faults is told.
//!
//! Rows come from answers of the service that the conformance suite, dynalite's tests, Alternator's
//! tests and issues of client libraries recorded.

use headwater_expression::{Condition, ExpressionError, ExpressionKind, Projection, Update};

use crate::notation::placeholders;

fn parse(kind: ExpressionKind, text: &str, given: &str) -> Result<(), ExpressionError> {
    let given = &mut placeholders(given);
    match kind {
        ExpressionKind::Update => Update::parse(text, given).map(drop),
        ExpressionKind::Projection => Projection::parse(text, given).map(drop),
        kind => Condition::parse(kind, text, given).map(drop),
    }
}

/// Each row: the expression, its placeholders, and what comes after `Invalid <parameter>: `, or
/// nothing if the expression is right.
#[track_caller]
fn check<S: AsRef<str>>(kind: ExpressionKind, rows: &[(&str, &str, S)]) {
    for (text, given, expected) in rows {
        let found = parse(kind, text, given).map_err(|error| error.to_string());
        let expected = match expected.as_ref() {
            "" => Ok(()),
            sentence => Err(format!("Invalid {}: {sentence}", kind.parameter())),
        };
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn the_parameter_is_named() {
    use ExpressionKind::{Condition, Filter, KeyCondition, Projection, Update};
    for kind in [Condition, Filter, KeyCondition, Projection, Update] {
        check(kind, &[("", "", "The expression can not be empty;")]);
    }
}

#[test]
fn syntax() {
    check(
        ExpressionKind::Condition,
        &[
            ("foo", "", "Syntax error; token: \"<EOF>\", near: \"foo\""),
            (
                "attribute_not_exists(",
                "",
                "Syntax error; token: \"<EOF>\", near: \"(\"",
            ),
            (
                "attribute_not_exists(a))",
                "",
                "Syntax error; token: \")\", near: \"))\"",
            ),
            ("(a = b", "", "Syntax error; token: \"<EOF>\", near: \"b\""),
            (
                "a = b = c",
                "",
                "Syntax error; token: \"=\", near: \"b = c\"",
            ),
            (
                "a AND b = c",
                "",
                "Syntax error; token: \"AND\", near: \"a AND b\"",
            ),
            ("a IN ()", "", "Syntax error; token: \")\", near: \"()\""),
            ("a IN b", "", "Syntax error; token: \"b\", near: \"IN b\""),
            ("a > 4", "", "Syntax error; token: \"4\", near: \"> 4\""),
            (
                "_id = :v",
                ":v=1",
                "Syntax error; token: \"_\", near: \"_id\"",
            ),
            (
                "user-id = :v",
                ":v=1",
                "Syntax error; token: \"-\", near: \"user-id\"",
            ),
            (
                "size(a)[0] > a",
                "",
                "Syntax error; token: \"[\", near: \")[0\"",
            ),
            (
                "(size(a)).b > a",
                "",
                "Syntax error; token: \".\", near: \").b\"",
            ),
            (
                "a > :v.b",
                ":v=1",
                "Syntax error; token: \".\", near: \":v.b\"",
            ),
            (
                "b[:a] > a",
                ":a=1",
                "Syntax error; token: \":a\", near: \"[:a]\"",
            ),
            ("b[01] > a", "", "Syntax error; token: \"1\", near: \"01]\""),
            (
                "\u{fc} > a",
                "",
                "Syntax error; token: \"\u{fc}\", near: \"\u{fc} >\"",
            ),
            (
                "size() > a",
                "",
                "Syntax error; token: \")\", near: \"() >\"",
            ),
            (
                "a BETWEEN b OR c",
                "",
                "Syntax error; token: \"OR\", near: \"b OR c\"",
            ),
            ("NOT a", "", "Syntax error; token: \"<EOF>\", near: \"a\""),
            (
                "(a = b) = c",
                "",
                "Syntax error; token: \"=\", near: \") = c\"",
            ),
            ("   ", "", "Syntax error; token: \"<EOF>\", near: \"\""),
        ],
    );
    check(
        ExpressionKind::Update,
        &[
            (
                "INVALID SYNTAX HERE",
                "",
                "Syntax error; token: \"INVALID\", near: \"INVALID SYNTAX\"",
            ),
            (
                "ADD hits : incr",
                "",
                "Syntax error; token: \":\", near: \"hits : incr\"",
            ),
            (
                "SET a = :v, ",
                ":v=1",
                "Syntax error; token: \"<EOF>\", near: \",\"",
            ),
            (
                "SET a = :v,, b = :v",
                ":v=1",
                "Syntax error; token: \",\", near: \",, b\"",
            ),
            (
                "SET a = :v + :v + :v",
                ":v=1",
                "Syntax error; token: \"+\", near: \":v + :v\"",
            ),
            (
                "SET :a = :v",
                ":v=1",
                "Syntax error; token: \":a\", near: \"SET :a =\"",
            ),
            (
                "SET a = f(b, :v + :v)",
                ":v=1",
                "Syntax error; token: \"+\", near: \":v + :v\"",
            ),
            (
                "SET a = _f(b)",
                "",
                "Syntax error; token: \"_\", near: \"= _f\"",
            ),
            ("SET a", "", "Syntax error; token: \"<EOF>\", near: \"a\""),
            ("ADD a b", "", "Syntax error; token: \"b\", near: \"a b\""),
            (
                "SET add = :v",
                ":v=1",
                "Syntax error; token: \"add\", near: \"SET add =\"",
            ),
            (
                "SET a = (:v + :v) - :v",
                ":v=1",
                "Syntax error; token: \"-\", near: \") - :v\"",
            ),
        ],
    );
    check(
        ExpressionKind::Projection,
        &[
            ("!!!", "", "Syntax error; token: \"!\", near: \"!!\""),
            (
                "dummy-id",
                "",
                "Syntax error; token: \"-\", near: \"dummy-id\"",
            ),
            (
                "#m_2021-03-03",
                "#m_2021=x",
                "Syntax error; token: \"-\", near: \"#m_2021-0\"",
            ),
            ("a,", "", "Syntax error; token: \"<EOF>\", near: \",\""),
            ("a b", "", "Syntax error; token: \"b\", near: \"a b\""),
            ("a..b", "", "Syntax error; token: \".\", near: \"..b\""),
            (":a", ":a=1", "Syntax error; token: \":a\", near: \":a\""),
        ],
    );
}

#[test]
fn parentheses() {
    const REDUNDANT: &str = "The expression has redundant parentheses;";
    let rows = [
        ("((a = b))", "", REDUNDANT),
        ("((a = b AND c = d))", "", REDUNDANT),
        ("((a)) = b", "", REDUNDANT),
        ("(a)between(((b.c)).d)and(c)", "", REDUNDANT),
        ("whatever((:things), ((a)))", "", REDUNDANT),
        ("a=b AND ((a=c AND a=d)) AND a=e", "", REDUNDANT),
        ("NOT ((a = b))", "", REDUNDANT),
        ("(a = b)", "", ""),
        ("(a = b) AND (c = d)", "", ""),
        ("(a = b AND (c = d))", "", ""),
        ("((a = b) AND (c = d))", "", ""),
        ("((a = b AND c = d) AND e = f)", "", ""),
        ("a = b OR (c = d AND e = f)", "", ""),
        ("(((size(a)) > (b)) OR NOT (c IN ((d), e)))", "", ""),
        (
            "((a = b AND c = d)",
            "",
            "Syntax error; token: \"<EOF>\", near: \")\"",
        ),
        ("(b.c).d = a", "", ""),
    ];
    check(ExpressionKind::Condition, &rows);
    check(ExpressionKind::Filter, &rows);
    check(ExpressionKind::KeyCondition, &rows);
    check(
        ExpressionKind::Update,
        &[
            ("SET a = (b)", "", ""),
            ("SET a = (b + c)", "", ""),
            ("SET a = (b) - (c)", "", ""),
        ],
    );
}

#[test]
fn functions() {
    let rows = [
        ("a=b and whatever((:x)) > a", "", unknown("whatever")),
        ("attRIbute_exIsts(views)", "", unknown("attRIbute_exIsts")),
        ("size(a)", "", misused("size")),
        ("NOT size(a)", "", misused("size")),
        ("attribute_exists(a) > b", "", misused("attribute_exists")),
        ("size(contains(a, b)) > a", "", misused("contains")),
        (
            "a between b and attribute_exists(c)",
            "",
            misused("attribute_exists"),
        ),
        ("a in (b, begins_with(c, d))", "", misused("begins_with")),
        ("if_not_exists(a, b) = c", "", misused("if_not_exists")),
        ("list_append(a, b) = c", "", misused("list_append")),
        ("attribute_exists(a, b)", "", count("attribute_exists", 2)),
        ("attribute_type(a)", "", count("attribute_type", 1)),
        ("begins_with(a, size(b), c)", "", count("begins_with", 3)),
        ("contains(a)", "", count("contains", 1)),
        ("size(a, b) > c", "", count("size", 2)),
        (
            "attribute_exists(:v)",
            ":v='1'",
            path_required("attribute_exists"),
        ),
        (
            "attribute_not_exists(size(:v))",
            ":v='1'",
            path_required("attribute_not_exists"),
        ),
        ("attribute_exists(a.b[3].c)", "", String::new()),
    ];
    check(ExpressionKind::Filter, &rows);
    let rows = [
        (
            "SET a = f123_hi(b, c)",
            "",
            "Invalid function name; function: f123_hi".to_owned(),
        ),
        (
            "SET a = LIST_APPEND(b, c)",
            "",
            "Invalid function name; function: LIST_APPEND".to_owned(),
        ),
        ("SET a = size(b)", "", misused("size")),
        (
            "SET a = list_append(list_append(b, c), d)",
            "",
            misused("list_append"),
        ),
        ("SET a = list_append(b)", "", count("list_append", 1)),
        (
            "SET a = if_not_exists(b, c, d)",
            "",
            count("if_not_exists", 3),
        ),
        (
            "SET a = if_not_exists(:v, b)",
            ":v=1",
            path_required("if_not_exists"),
        ),
        (
            "SET a = if_not_exists(if_not_exists(b, c), d)",
            "",
            path_required("if_not_exists"),
        ),
        (
            "SET a = list_append(if_not_exists(b, :v), :v)",
            ":v=[]",
            String::new(),
        ),
        (
            "SET a = if_not_exists(b, if_not_exists(c, :v)) + :v",
            ":v=1",
            String::new(),
        ),
    ];
    check(ExpressionKind::Update, &rows);
}

fn unknown(name: &str) -> String {
    format!("Invalid function name; function: {name}")
}

fn misused(name: &str) -> String {
    format!("The function is not allowed to be used this way in an expression; function: {name}")
}

fn count(name: &str, count: usize) -> String {
    format!(
        "Incorrect number of operands for operator or function; operator or function: {name}, number of operands: {count}"
    )
}

fn path_required(name: &str) -> String {
    format!("Operator or function requires a document path; operator or function: {name}")
}

fn operand(operator: &str, kind: &str) -> String {
    format!(
        "Incorrect operand type for operator or function; operator or function: {operator}, operand type: {kind}"
    )
}

#[test]
fn names_and_values() {
    let name = |key: &str| {
        format!(
            "An expression attribute name used in the document path is not defined; attribute name: {key}"
        )
    };
    let value = |key: &str| {
        format!(
            "An expression attribute value used in expression is not defined; attribute value: {key}"
        )
    };
    let reserved =
        |word: &str| format!("Attribute name is a reserved keyword; reserved keyword: {word}");
    check(
        ExpressionKind::Filter,
        &[
            ("#missing = :v", ":v=1", name("#missing")),
            ("a.#b = c", "", name("#b")),
            (":a < :b", "", value(":a")),
            ("begins_with(:hello, #a, #b)", "", value(":hello")),
            ("status = :v", ":v=1", reserved("status")),
            (":a < abOrT", "", reserved("abOrT")),
            ("a.views = :v", "", reserved("views")),
            ("#n = :v", "#n=status :v=1", String::new()),
        ],
    );
    check(
        ExpressionKind::Update,
        &[
            ("SET a = :v", "", value(":v")),
            ("SET a = :v, #b = c", "", name("#b")),
            ("SET a = status, b = :v", "", reserved("status")),
            ("REMOVE date", "", reserved("date")),
        ],
    );
    check(
        ExpressionKind::Projection,
        &[
            ("a, #b", "", name("#b")),
            ("#b, and", "", reserved("and")),
            ("a, #b", "#b=b", String::new()),
        ],
    );
}

#[test]
fn operand_types() {
    let mut rows = vec![
        ("attribute_type(a, b)", "", operand("attribute_type", "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}")),
        ("attribute_type(a, size(a))", "", operand("attribute_type", "N")),
        (
            "attribute_type(a, :v)",
            ":v='DOG'",
            "Invalid attribute type name found; type: DOG, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}"
                .to_owned(),
        ),
        ("attribute_type(:v, :v)", ":v='S'", String::new()),
        ("begins_with(a, size(a))", "", operand("begins_with", "N")),
        ("size(size(a)) > b", "", operand("size", "N")),
        ("attribute_not_exists(size(:v))", ":v=1", operand("size", "N")),
        ("size(:v) > a", ":v=null", operand("size", "NULL")),
        ("a BETWEEN :v AND b", ":v=true", operand("BETWEEN", "BOOL")),
        (":v >= a", ":v=[1]", operand(">=", "L")),
        ("a <> :v AND a = :v", ":v=[1]", String::new()),
        ("size(a) > :v", ":v='dog'", String::new()),
    ];
    for (given, kind) in [
        (":v=1", "N"),
        (":v=true", "BOOL"),
        (":v=null", "NULL"),
        (":v=[]", "L"),
        (":v={}", "M"),
        (":v=<1>", "NS"),
        (":v=<'a'>", "SS"),
        (":v=<b'a'>", "BS"),
    ] {
        rows.push(("begins_with(a, :v)", given, operand("begins_with", kind)));
        rows.push(("begins_with(:v, a)", given, operand("begins_with", kind)));
        rows.push((
            "attribute_type(a, :v)",
            given,
            operand("attribute_type", kind),
        ));
        if kind != "N" {
            rows.push(("a < :v", given, operand("<", kind)));
        }
    }
    check(ExpressionKind::Condition, &rows);
    let clause = |clause: &str, kind: &str| {
        format!(
            "Incorrect operand type for operator or function; operator: {clause}, operand type: {kind}, typeSet: ALLOWED_FOR_{clause}_OPERAND"
        )
    };
    check(
        ExpressionKind::Update,
        &[
            ("ADD a :v", ":v='x'", clause("ADD", "STRING")),
            ("ADD a :v", ":v=[1]", clause("ADD", "LIST")),
            ("ADD a :v", ":v=<1>", String::new()),
            ("DELETE a :v", ":v=1", clause("DELETE", "NUMBER")),
            ("DELETE a :v", ":v={}", clause("DELETE", "MAP")),
            ("SET a = b + :v", ":v='x'", operand("+", "S")),
            ("SET a = :v - b", ":v=[]", operand("-", "L")),
            (
                "SET a = list_append(b, :v)",
                ":v='x'",
                operand("list_append", "S"),
            ),
            ("SET a = list_append(b, c) + d", "", operand("+", "L")),
        ],
    );
}

#[test]
fn comparisons_of_one_with_itself() {
    let same = |operator: &str, path: &str| {
        format!(
            "The first operand must be distinct from the remaining operands for this operator or function; operator: {operator}, first operand: {path}"
        )
    };
    check(
        ExpressionKind::Condition,
        &[
            ("a = a AND #b = :c", "", same("=", "[a]")),
            ("#a <> a", "#a=a", same("<>", "[a]")),
            ("((a=b) OR (a>a))", "", same(">", "[a]")),
            ("contains(#a, #a)", "#a=data", same("contains", "[data]")),
            (
                "begins_with(ab.bc[1].a, ab.bc[1].#a)",
                "#a=a",
                same("begins_with", "[ab, bc, [1], a]"),
            ),
            (":a > :a", ":a=1", String::new()),
            ("a.b = a.c", "", String::new()),
        ],
    );
}

#[test]
fn bounds_of_between() {
    let bounds = |rule: &str, lower: &str, upper: &str| {
        format!(
            "The BETWEEN operator requires {rule}; lower bound operand: AttributeValue: {lower}, upper bound operand: AttributeValue: {upper}"
        )
    };
    let order = "upper bound to be greater than or equal to lower bound";
    let types = "same data type for lower and upper bounds";
    check(
        ExpressionKind::Filter,
        &[
            (
                "a BETWEEN :x AND :y",
                ":x='b' :y='a'",
                bounds(order, "{S:b}", "{S:a}"),
            ),
            (
                "a BETWEEN :x AND :y",
                ":x=10 :y=9",
                bounds(order, "{N:10}", "{N:9}"),
            ),
            (
                "a BETWEEN :x AND :y",
                ":x=1 :y='a'",
                bounds(types, "{N:1}", "{S:a}"),
            ),
            ("a BETWEEN :x AND :y", ":x=9 :y=9", String::new()),
            ("a BETWEEN :x AND b", ":x=9", String::new()),
        ],
    );
}

#[test]
fn paths_of_updates_and_projections() {
    let pair = |rule: &str, one: &str, two: &str| {
        format!(
            "Two document paths {rule} with each other; must remove or rewrite one of these paths; path one: {one}, path two: {two}"
        )
    };
    check(
        ExpressionKind::Update,
        &[
            ("SET a = :v REMOVE a", ":v=1", pair("overlap", "[a]", "[a]")),
            (
                "SET a = :v, a.b = :v",
                ":v=1",
                pair("overlap", "[a]", "[a, b]"),
            ),
            (
                "SET a.b.c[1] = :v, #a.b = :v",
                "#a=a :v=1",
                pair("overlap", "[a, b, c, [1]]", "[a, b]"),
            ),
            (
                "SET a.b = :v, a[1] = :v",
                ":v=1",
                pair("conflict", "[a, b]", "[a, [1]]"),
            ),
            (
                "SET a.b = :v, a[1] = :v, c = :v REMOVE c",
                ":v=1",
                pair("overlap", "[c]", "[c]"),
            ),
            (
                "SET a.b = :v, a.c = :v, a.d[0] = :v, a.d[1] = :v",
                ":v=1",
                String::new(),
            ),
            (
                "SET a = :v SET b = :v",
                ":v=1",
                "The \"SET\" section can only be used once in an update expression;".to_owned(),
            ),
            (
                "ADD x :v SET a = :v ADD y :v",
                ":v=1",
                "The \"ADD\" section can only be used once in an update expression;".to_owned(),
            ),
            ("set a = :v remove b Add c :v", ":v=1", String::new()),
        ],
    );
    check(
        ExpressionKind::Projection,
        &[
            ("#a, #a.#b", "#a=a #b=b", pair("overlap", "[a]", "[a, b]")),
            ("a, b, a", "", pair("overlap", "[a]", "[a]")),
            ("a[0], a.b", "", pair("conflict", "[a, [0]]", "[a, b]")),
            ("a[0], a[1].b, a[1].c", "", String::new()),
        ],
    );
}

#[test]
fn the_first_fault_is_told() {
    check(
        ExpressionKind::Filter,
        &[
            ("begins_with(a, :n) AND b = :missing", ":n=1", operand("begins_with", "N")),
            (
                "b = :missing AND begins_with(a, :n)",
                ":n=1",
                "An expression attribute value used in expression is not defined; attribute value: :missing"
                    .to_owned(),
            ),
            ("b = :missing AND ((a = b))", "", "The expression has redundant parentheses;".to_owned()),
            ("status = :missing AND f(a)", "", "Invalid function name; function: f".to_owned()),
        ],
    );
}

#[test]
fn bounds_of_the_languages() {
    let index = "List index is not within the allowable range; index: [2147483648]";
    check(
        ExpressionKind::Projection,
        &[("a[2147483647]", "", ""), ("a[2147483648]", "", index)],
    );
    let path = |segments: usize| vec!["a"; segments].join(".");
    check(ExpressionKind::Projection, &[(&path(32), "", "")]);
    assert!(parse(ExpressionKind::Projection, &path(33), "").is_err());

    let list = |count: usize| format!("a IN ({})", vec![":v"; count].join(","));
    let many = "The IN operator is provided with too many operands; number of operands: 101";
    check(
        ExpressionKind::Filter,
        &[(&list(100), ":v=1", ""), (&list(101), ":v=1", many)],
    );

    let chain = |count: usize| vec!["a<b"; count].join(" OR ");
    let many = "The expression contains too many operators; operator count: 301";
    check(
        ExpressionKind::Filter,
        &[
            (&chain(150), "", ""),
            (&chain(151), "", many),
            (&format!("NOT {}", chain(150)), "", ""),
            (&format!("NOT a<b AND NOT {}", chain(149)), "", many),
        ],
    );

    let text = |bytes: usize| "a".repeat(bytes);
    let long = "Expression size has exceeded the maximum allowed size; expression size: 4097";
    check(
        ExpressionKind::Projection,
        &[(&text(4096), "", ""), (&text(4097), "", long)],
    );
}
