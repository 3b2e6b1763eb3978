//! Statements: what they mean, and what is wrong with those that mean nothing.

use headwater_expression::ast::ConditionNode;
use headwater_expression::partiql::{Returning, Statement};
use headwater_expression::{Condition, ExpressionKind, Update};
use headwater_model::AttributeValue;

use crate::notation::{item, placeholders, value};

fn parse(text: &str) -> Result<Statement, String> {
    let parameters = vec![AttributeValue::S("p".to_owned()); text.matches('?').count()];
    Statement::parse(text, parameters).map_err(|error| error.to_string())
}

fn condition_of(text: &str) -> ConditionNode {
    let text = format!("SELECT * FROM users WHERE {text}");
    match parse(&text) {
        Ok(Statement::Select(select)) => select.condition.expect("a WHERE clause"),
        other => panic!("{text}: {other:?}"),
    }
}

/// WHERE clauses and the condition expressions that say the same.
#[test]
fn conditions_become_the_trees_of_expressions() {
    for (clause, expression, values) in [
        ("a = 1", "a = :v", ":v=1"),
        ("1 <= a", ":v <= a", ":v=1"),
        ("a != 'it'", "a <> :v", ":v='it'"),
        ("A.b[0].\"c-d\" = 1", "A.b[0].#n = :v", "#n=c-d :v=1"),
        ("a['b'][\"c\"][d] = 1", "a.b.c.d = :v", ":v=1"),
        (
            "a = 1 AND b = 1 AND c = 1",
            "a = :v AND b = :v AND c = :v",
            ":v=1",
        ),
        (
            "a = 1 OR b = 1 AND NOT c = 1",
            "a = :v OR b = :v AND NOT c = :v",
            ":v=1",
        ),
        (
            "(a = 1 OR b = 1) AND c = 1",
            "(a = :v OR b = :v) AND c = :v",
            ":v=1",
        ),
        ("a BETWEEN 1 AND 2", "a BETWEEN :v AND :w", ":v=1 :w=2"),
        (
            "a NOT BETWEEN 1 AND 2",
            "NOT a BETWEEN :v AND :w",
            ":v=1 :w=2",
        ),
        ("a IN (1, 2)", "a IN (:v, :w)", ":v=1 :w=2"),
        ("a IN [1, b]", "a IN (:v, b)", ":v=1"),
        ("a NOT IN <<1>>", "NOT a IN (:v)", ":v=1"),
        ("a IS MISSING", "attribute_not_exists(a)", ""),
        ("a IS NOT MISSING", "NOT attribute_not_exists(a)", ""),
        ("a IS NULL", "attribute_type(a, :v)", ":v='NULL'"),
        ("a IS NOT NULL", "NOT attribute_type(a, :v)", ":v='NULL'"),
        ("a IS NUMERIC(3)", "attribute_type(a, :v)", ":v='N'"),
        ("a IS TUPLE", "attribute_type(a, :v)", ":v='M'"),
        ("ATTRIBUTE_TYPE(a, 'S')", "attribute_type(a, :v)", ":v='S'"),
        ("Begins_With(a, 'x')", "begins_with(a, :v)", ":v='x'"),
        ("contains(a, b.c)", "contains(a, b.c)", ""),
        ("size(a) > size(b)", "size(a) > size(b)", ""),
        ("attribute_exists(a.b)", "attribute_exists(a.b)", ""),
        ("status = - -1.50", "#s = :v", "#s=status :v=1.5"),
        ("a = NULL", "a = :v", ":v=null"),
        (
            "a = [1, 'x', {'b': <<1, 2>>}]",
            "a = :v",
            ":v=[1,'x',{b:<1,2>}]",
        ),
        ("a = ? /* c */ -- d", "a = :v", ":v='p'"),
        ("a = TRUE;", "a = :v", ":v=true"),
    ] {
        let mut given = placeholders(values);
        let expected = Condition::parse(ExpressionKind::Filter, expression, &mut given);
        let expected = expected.unwrap().root().clone();
        assert_eq!(condition_of(clause), expected, "{clause}");
    }
}

/// Only PartiQL compares what conditions say.
#[test]
fn conditions_are_values() {
    let old = item("{a: 1, b: 'x'}");
    for (clause, expected) in [
        ("attribute_exists(a) = true", true),
        ("(a = 1) = (b = 'x')", true),
        ("a = 1 = 1", false),
        ("(a = 2) <> attribute_exists(b)", true),
        ("(a = 2) IN (false)", true),
    ] {
        let condition = Condition::new(condition_of(clause));
        assert_eq!(condition.evaluate(&old), expected, "{clause}");
    }
}

#[test]
fn updates_become_the_actions_of_expressions() {
    for (changes, expression, values) in [
        ("SET a = 1, b.c = b.d", "SET a = :v, b.c = b.d", ":v=1"),
        (
            "SET a = 1 REMOVE b[0] SET c = ?",
            "SET a = :v, c = :p REMOVE b[0]",
            ":v=1 :p='p'",
        ),
        ("SET a = a + 1", "SET a = a + :v", ":v=1"),
        (
            "SET a = IF_NOT_EXISTS(b, 1) - c",
            "SET a = if_not_exists(b, :v) - c",
            ":v=1",
        ),
        (
            "SET a = list_append(a, [1])",
            "SET a = list_append(a, :v)",
            ":v=[1]",
        ),
        ("SET a = set_add(a, <<1>>)", "ADD a :v", ":v=<1>"),
        (
            "SET a.b = set_delete(a.b, <<'x'>>)",
            "DELETE a.b :v",
            ":v=<'x'>",
        ),
    ] {
        let mut expected = Update::parse(expression, &mut placeholders(values)).unwrap();
        for text in [
            format!("UPDATE users {changes} WHERE id = 1"),
            format!("FROM users WHERE id = 1 {changes}"),
        ] {
            let Ok(Statement::Update(update)) = parse(&text) else {
                panic!("{text}: {:?}", parse(&text));
            };
            let sorted = |update: &Update| {
                let mut actions: Vec<String> = update
                    .actions()
                    .iter()
                    .map(|action| format!("{action:?}"))
                    .collect();
                actions.sort();
                actions
            };
            assert_eq!(sorted(&update.update), sorted(&expected), "{text}");
            assert_eq!(update.returning, None);
            expected = update.update;
        }
    }
}

/// Unlike update expressions, statements compute with what was computed.
#[test]
fn arithmetic_nests() {
    for (right, expected) in [
        ("a + 1 + 1", "4"),
        ("a - (b - 1)", "-7"),
        ("if_not_exists(zz, 1) + 1", "2"),
        ("if_not_exists(zz, a + 1) + b", "13"),
    ] {
        let text = format!("UPDATE users SET a = {right} WHERE id = 1");
        let Ok(Statement::Update(update)) = parse(&text) else {
            panic!("{text}");
        };
        let updated = update
            .update
            .apply(Some(&item("{a: 2, b: 10}")), &item("{}"));
        assert_eq!(
            updated.unwrap().item.get("a"),
            Some(&value(expected)),
            "{text}"
        );
    }
}

#[test]
fn inserts_write_items_out() {
    for (written, expected) in [
        ("{'id': 'x'}", "{id: 'x'}"),
        (
            "{'id': ?, 'b': [true, NULL, {'c': <<'x', 'y'>>}]}",
            "{id: 'p', b: [true, null, {c: <'x','y'>}]}",
        ),
        (
            "{'n': -1.5e3, 'm': {}, 'l': [], 's': ''}",
            "{n: -1500, m: {}, l: [], s: ''}",
        ),
    ] {
        let text = format!("insert into \"my.table-1\" value {written}");
        let Ok(Statement::Insert(insert)) = parse(&text) else {
            panic!("{text}: {:?}", parse(&text));
        };
        assert_eq!(insert.table, "my.table-1");
        assert_eq!(insert.item, item(expected), "{text}");
    }
}

#[test]
fn returning_clauses() {
    for (clause, expected) in [
        ("RETURNING ALL OLD *", Returning::AllOld),
        ("returning all new *", Returning::AllNew),
        ("RETURNING MODIFIED OLD *", Returning::ModifiedOld),
        ("RETURNING MODIFIED NEW *", Returning::ModifiedNew),
    ] {
        let text = format!("UPDATE users REMOVE a WHERE id = 1 {clause}");
        let Ok(Statement::Update(update)) = parse(&text) else {
            panic!("{text}");
        };
        assert_eq!(update.returning, Some(expected), "{text}");
    }
}

/// What columns show, under which names.
#[test]
fn columns_are_named_by_their_ends() {
    let old = item(
        "{a: 1, m: {b: 2, c: [3, {d: 4, e: 5}]}, l: [[6, 7], 8], q: [{x: 1, y: 2}, {x: 3}, {y: 4}]}",
    );
    for (columns, expected) in [
        ("a, m.b, zz, m.yy", "{a: 1, b: 2}"),
        ("m['b'], m.c[0]", "{b: 2, c[0]: 3}"),
        ("l[0][1], l[1]", "{l[0][1]: 7, l[1]: 8}"),
        ("q[0].x", "{x: 1}"),
        ("q[0].x, q[1]", "{x: 1, q[1]: {x: 3}}"),
        // As DynamoDB Local has it: an element that moved up keeps its structure.
        ("m.c[1].d", "{c[1]: {d: 4}}"),
        ("m.c[1].d, m.c[1].e", "{c[1]: {d: 4, e: 5}}"),
        ("q[1].x, q[2].y", "{q[1]: {x: 3}, q[2]: {y: 4}}"),
        ("l[0], q[7].x, a.b, m.c.d", "{l[0]: [6, 7]}"),
    ] {
        let text = format!("SELECT {columns} FROM users");
        let Ok(Statement::Select(select)) = parse(&text) else {
            panic!("{text}: {:?}", parse(&text));
        };
        let shown = select.columns.unwrap().project(&old);
        assert_eq!(shown, item(expected), "{text}");
    }
}

#[test]
fn sources() {
    for (text, table, index) in [
        ("SELECT * FROM users", "users", None),
        (
            "SELECT ALL * FROM \"users\".\"by-age\" WHERE a = 1",
            "users",
            Some("by-age"),
        ),
        ("((SELECT * FROM users.idx))", "users", Some("idx")),
        ("EXISTS(SELECT * FROM users WHERE a = 1)", "users", None),
    ] {
        let (Ok(Statement::Select(select)) | Ok(Statement::Exists(select))) = parse(text) else {
            panic!("{text}: {:?}", parse(text));
        };
        assert_eq!(select.source.table, table, "{text}");
        assert_eq!(select.source.index.as_deref(), index, "{text}");
    }
}

#[test]
fn parameters_are_counted() {
    let count = "Number of parameters in request and statement don't match.";
    for (text, parameters) in [
        ("SELECT * FROM users WHERE a = ?", 0),
        ("SELECT * FROM users WHERE a = ?", 2),
        ("SELECT * FROM users WHERE a = '?'", 1),
        ("INSERT INTO users VALUE {'a': ?, 'b': ?}", 1),
    ] {
        let given = vec![AttributeValue::Null; parameters];
        let error = Statement::parse(text, given).unwrap_err();
        assert_eq!(error.to_string(), count, "{text}");
    }
}

/// What is no statement at all.
#[test]
fn malformed_statements() {
    for (text, detail) in [
        ("", "Unexpected term"),
        (" -- a", "Unexpected term"),
        ("SELECT * FROM users WHERE a = #b", ""),
        ("SELECT * FROM users WHERE a = 'b", ""),
        ("SELECT * FROM users WHERE a = 1e2147483648", ""),
        ("SELECT * FROM users WHERE", "Unexpected term"),
        (
            "SELECT * FROM users WHERE a =",
            "Missing right-hand side expression of infix operator",
        ),
        ("SELECT * FROM users WHERE = 1", "Unexpected operator"),
        ("SELECT * FROM users WHERE a = table", "Unexpected keyword"),
        ("SELECT * FROM users WHERE (a = 1", "Expected RIGHT_PAREN"),
        ("SELECT * FROM users WHERE a = [1", "Expected RIGHT_BRACKET"),
        (
            "SELECT * FROM users WHERE ()",
            "Expression group cannot be empty",
        ),
        ("SELECT * FROM users WHERE a IS foo", "Expected type name"),
        (
            "SELECT * FROM users WHERE a BETWEEN 1 OR 2",
            "Expected expression after AND",
        ),
        (
            "SELECT * FROM users WHERE a.value = 1",
            "Invalid path dot component",
        ),
        (
            "SELECT * FROM users a = 1",
            "Unexpected token after expression",
        ),
        (
            "SELECT * FROM users; SELECT * FROM users",
            "Unexpected token after semicolon. (Only one query is allowed.)",
        ),
        ("SELECT * users", "Expected FROM after SELECT list"),
        (
            "SELECT *, a FROM users",
            "Other expressions may not be present in the select list when '*' is used without dot notation.",
        ),
        (
            "SELECT a[*].b FROM users",
            "Invalid use of * in select list",
        ),
        ("DELETE users", "Expected FROM after DELETE"),
        (
            "DELETE FROM WHERE a = 1",
            "Expected identifier for simple path",
        ),
        (
            "DELETE FROM users WHERE a = 1 ORDER BY a",
            "Unexpected token after expression",
        ),
        ("UPDATE users WHERE a = 1", "Expected data manipulation"),
        ("UPDATE users SET a 1", "Expected '='"),
        (
            "UPDATE users SET a.value = 1",
            "Invalid path dot component for simple path",
        ),
        (
            "UPDATE users REMOVE a, b WHERE c = 1",
            "Unexpected token after expression",
        ),
        (
            "UPDATE users SET a = 1 WHERE b = 1 RETURNING OLD *",
            "Expected ( MODIFIED | ALL ) ( NEW | OLD ) in each returning element.",
        ),
        (
            "INSERT INTO users VALUE {'a': 1} IF NOT EXISTS",
            "Unexpected token after expression",
        ),
        ("INSERT INTO users VALUE {'a' 1}", "Expected COLON"),
    ] {
        let expected = format!("Statement wasn't well formed, can't be processed: {detail}");
        assert_eq!(parse(text), Err(expected), "{text}");
    }
}

/// What PartiQL has and DynamoDB has not, and what makes no sense.
#[test]
fn refused_statements() {
    let is = "Supported data types are [MISSING, NULL, BOOLEAN, BLOB, STRING, NUMERIC, STRUCT, TUPLE, LIST]";
    for (text, expected) in [
        ("users", "Unsupported operation: VariableReference"),
        ("users IS NULL", "Unsupported operation: IsType"),
        ("DROP TABLE users", "Unsupported operation: DropTable"),
        (
            "a = 1",
            "EXISTS can only be used in ExecuteTransaction write requests.",
        ),
        ("SELECT * FROM users u", "Aliasing is not supported"),
        ("SELECT a AS b FROM users", "Aliasing is not supported"),
        (
            "DELETE FROM users u WHERE a = 1",
            "Aliasing is not supported",
        ),
        (
            "SELECT VALUE a FROM users",
            "Select projection doesn't support value or pivot keywords",
        ),
        (
            "SELECT DISTINCT a FROM users",
            "Unsupported token in expression: DISTINCT",
        ),
        (
            "SELECT * FROM users, users",
            "Only select from a single table or index is supported.",
        ),
        (
            "SELECT * FROM users JOIN users ON 1 = 1",
            "Only select from a single table or index is supported.",
        ),
        (
            "SELECT * FROM users GROUP BY a",
            "Unsupported clause: GROUP BY",
        ),
        (
            "SELECT * FROM users LIMIT 10",
            "Unsupported clause: LIMIT at 1:27:2",
        ),
        (
            "SELECT * FROM (SELECT * FROM users)",
            "Unexpected from source",
        ),
        (
            "SELECT * FROM users[0]",
            "Invalid list expression in source.",
        ),
        (
            "SELECT * FROM a.b.c",
            "A path may contain at most 2 components in the FROM clause",
        ),
        (
            "SELECT * FROM users.\"\"",
            "Path component cannot be an empty string",
        ),
        (
            "SELECT * FROM us",
            "Table name should be within the length [3, 255] and only contain 'a-z', 'A-Z', '0-9', '-', '_', '.'.",
        ),
        (
            "INSERT INTO users.idx VALUE {'a': 1}",
            "FROM clause may only contain a single table name in data manipulation statements",
        ),
        (
            "DELETE FROM users.idx WHERE a = 1",
            "This operation is not supported on an index",
        ),
        (
            "SELECT size(a) FROM users",
            "Unexpected path component at 1:8:4",
        ),
        (
            "SELECT COUNT(*) FROM users",
            "Unexpected path component at 1:8:5",
        ),
        (
            "SELECT a, m.a FROM users",
            "Duplicate identifiers in select clause: a",
        ),
        (
            "SELECT m, m.a FROM users",
            "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [m, a], path two: [m]",
        ),
        (
            "SELECT m.* FROM users",
            "Changing item's hierarchy while reading isn't supported",
        ),
        (
            "SELECT l[-1] FROM users",
            "List index is not within the allowable range; index: [-1] at 1:11:1",
        ),
        (
            "SELECT * FROM users ORDER BY a",
            "Must have WHERE clause in the statement when using ORDER BY clause.",
        ),
        (
            "SELECT * FROM users WHERE a = 1 ORDER BY a + 1",
            "Argument to ORDER BY must be of type VariableReference. Type: +",
        ),
        (
            "SELECT * FROM users WHERE a",
            "WHERE clause must contain an expression that resolves to a boolean",
        ),
        (
            "SELECT * FROM users WHERE a AND b = 1",
            "The arguments to AND/OR must be Expressions",
        ),
        (
            "SELECT * FROM users WHERE NOT a",
            "The argument to NOT must be a Type or Expression",
        ),
        (
            "SELECT * FROM users WHERE NOT size(a)",
            "Incorrect operand type for operator or function; operator or function: NOT, operand type: N",
        ),
        (
            "SELECT * FROM users WHERE a = MISSING",
            "MISSING must be compared using IS operator",
        ),
        (
            "SELECT * FROM users WHERE a IS INT",
            &*format!("Unsupported data type for IS operator: INTEGER. {is} at 1:29:2"),
        ),
        (
            "SELECT * FROM users WHERE size(a) IS NULL",
            "The left hand side argument to IS must be a Variable Reference, Literal, or Path",
        ),
        (
            "SELECT * FROM users WHERE a IN ?",
            "IN operator must have a left hand argument of type Variable Reference and right hand argument of type Seq with at least one member",
        ),
        (
            "SELECT * FROM users WHERE a IN (SELECT * FROM users)",
            "IN operator must have a left hand argument of type Variable Reference and right hand argument of type Seq with at least one member",
        ),
        (
            "SELECT * FROM users WHERE a IN (a, 1)",
            "The first operand must be distinct from the remaining operands for this operator or function; operator: IN, first operand: [a]",
        ),
        (
            "SELECT * FROM users WHERE a LIKE 'x%'",
            "Unsupported operator in Condition Expression. Operator: like",
        ),
        (
            "SELECT * FROM users WHERE a + 1 = 2",
            "Unsupported operator in Condition Expression. Operator: +",
        ),
        (
            "SELECT * FROM users WHERE Foo(a) = 1",
            "Unrecognized function: foo at 1:27:3",
        ),
        (
            "SELECT * FROM users WHERE if_not_exists(a, 1) = 1",
            "The function is not allowed in a condition expression; function: if_not_exists",
        ),
        (
            "SELECT * FROM users WHERE a = (SELECT b FROM users)",
            "Unsupported token in expression: SELECT at 1:32:6",
        ),
        (
            "SELECT * FROM users WHERE a = CAST(1 AS INT)",
            "Unsupported token in expression: cast at 1:35:1",
        ),
        (
            "SELECT * FROM users WHERE a.* = 1",
            "Unpivot path component like a.*.b are not supported at 1:29:1",
        ),
        (
            "SELECT * FROM users WHERE a = 1e400",
            "Number overflow. Attempting to store a number with magnitude larger than supported range under root",
        ),
        (
            "SELECT * FROM users WHERE a = [1, [b]]",
            "Unsupported data type: VariableReference under key root.1.0 at 1:36:1",
        ),
        (
            "SELECT * FROM users WHERE a = -0.0",
            "Negative zero decimal is not supported under key root at 1:32:3",
        ),
        (
            "SELECT * FROM users WHERE a = `1`",
            "Ion Literals are not supported: INT under key root at 1:31:3",
        ),
        (
            "INSERT INTO users << {'a': 1} >>",
            "Unsupported operation: InsertOp",
        ),
        (
            "INSERT INTO users VALUE [1]",
            "Unsupported format in item expression. Please use struct format {...} to express item values for insert statement. at 1:25:1",
        ),
        (
            "INSERT INTO users VALUE {'a': 1} AT 1",
            "AT is not supported in insert statements. at 1:1:6",
        ),
        (
            "INSERT INTO users VALUE {'a': 1} RETURNING ALL NEW *",
            "RETURNING is not supported in INSERT",
        ),
        (
            "INSERT INTO users VALUE {a: 1}",
            "Tuple keys must be of type String. Actual type: VariableReference under root at 1:26:1",
        ),
        (
            "INSERT INTO users VALUE {'a': 1, 'a': 2}",
            "Duplicate keys in tuple. Key: a under root at 1:34:3",
        ),
        (
            "INSERT INTO users VALUE {'': 1}",
            "Path component cannot be an empty string",
        ),
        (
            "INSERT INTO users VALUE {'a': b}",
            "Unsupported data type: b under key root at 1:31:1",
        ),
        (
            "INSERT INTO users VALUE {'a': 1 + 1}",
            "Unsupported data type: + under key root at 1:33:1",
        ),
        (
            "INSERT INTO users VALUE {'a': {'b': ?}}",
            "Unsupported data type: Parameter under key root.b at 1:37:1",
        ),
        (
            "INSERT INTO users VALUE {'a': {'b': [0, 1e400]}}",
            "Number overflow. Attempting to store a number with magnitude larger than supported range under root.b[1]",
        ),
        (
            "INSERT INTO users VALUE {'a': <<>>}",
            "Empty bags are not supported at 1:31:2",
        ),
        (
            "INSERT INTO users VALUE {'a': <<1, 'x'>>}",
            "Unsupported data type in Bag. DynamoDB only supports either numbers or strings in bags",
        ),
        (
            "INSERT INTO users VALUE {'a': <<[1]>>}",
            "Unsupported data type in Bag. DynamoDB only supports either numbers or strings in bags at 1:33:1",
        ),
        (
            "INSERT INTO users VALUE {'a': <<1, 1.0>>}",
            "One or more parameter values were invalid: Input collection [1, 1] contains duplicates.",
        ),
        (
            "UPDATE users SET a = b * 2 WHERE id = 1",
            "Unsupported operator in Update Expression. Operator: *",
        ),
        (
            "UPDATE users SET a = -b WHERE id = 1",
            "Incorrect number of operands for operator or function; operator or function: -, number of operands: 1",
        ),
        (
            "UPDATE users SET a = b IS NULL WHERE id = 1",
            "IS operator is not supported in update expressions",
        ),
        (
            "UPDATE users SET a = size(b) WHERE id = 1",
            "The function is not allowed in an update expression; function: size",
        ),
        (
            "UPDATE users SET a = 'x' + 1 WHERE id = 1",
            "Incorrect operand type for operator or function; operator or function: +, operand type: S",
        ),
        (
            "UPDATE users SET a = list_append(a, 1) WHERE id = 1",
            "Incorrect operand type for operator or function; operator or function: list_append, operand type: N",
        ),
        (
            "UPDATE users SET a = set_add(b, <<1>>) WHERE id = 1",
            "The first argument to SET_ADD must equal the assignment value at 1:22:7",
        ),
        (
            "UPDATE users SET a = set_delete(a, 1) WHERE id = 1",
            "The second argument to SET_DELETE must be a value with type SET at 1:33:1",
        ),
        (
            "UPDATE users SET a = set_add(a) WHERE id = 1",
            "SET_ADD must have exactly two arguments at 1:22:7",
        ),
        (
            "UPDATE users SET a = 1, a.b = 2 WHERE id = 1",
            "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a, b], path two: [a]",
        ),
        (
            "UPDATE users INSERT INTO a VALUE 1 WHERE id = 1",
            "Only SET and REMOVE are supported in update expressions at this time",
        ),
        (
            "UPDATE users SET a = 1 WHERE id = 1 RETURNING ALL OLD a",
            "Expected '*' after ( MODIFIED | ALL ) ( NEW | OLD ) in RETURNING clause",
        ),
        (
            "UPDATE users SET a = 1 WHERE id = 1 RETURNING ALL OLD *, ALL NEW *",
            "Invalid syntax with multiple returning elements in RETURNING clause",
        ),
        (
            "DELETE FROM users WHERE id = 1 RETURNING MODIFIED OLD *",
            "Invalid returning clause: RETURNING MODIFIED OLD *. Only RETURNING ALL OLD * is allowed in DELETE statements.",
        ),
    ] {
        assert_eq!(parse(text), Err(expected.to_owned()), "{text}");
    }
}

/// Values nest as deeply as those of other requests, and no deeper.
#[test]
fn values_nest_to_the_bound_of_items() {
    let nested = |levels: usize| {
        format!(
            "INSERT INTO users VALUE {{'a': {}{}}}",
            "[".repeat(levels),
            "]".repeat(levels)
        )
    };
    assert!(parse(&nested(32)).is_ok());
    let too_deep = "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit";
    assert_eq!(parse(&nested(33)), Err(too_deep.to_owned()));
    let compared = nested(33).replace(
        "INSERT INTO users VALUE {'a': ",
        "SELECT * FROM users WHERE a = ",
    );
    assert_eq!(
        parse(compared.trim_end_matches('}')),
        Err(too_deep.to_owned())
    );
}
