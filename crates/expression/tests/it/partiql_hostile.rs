//! Statements made to hurt: none may panic, overflow the stack or take long.

use headwater_expression::Condition;
use headwater_expression::partiql::{
    ItemCondition, PartiqlError, ReadPlan, Statement, SyntaxFault,
};
use headwater_model::limits::STATEMENT_CHARS_MAX;
use headwater_model::{AttributeValue, Item, KeyAttribute, KeySchema, KeyType};
use proptest::prelude::*;

use crate::notation::item;

/// Does with a text all that is done with statements.
fn parse_all(text: &str) {
    let schema = KeySchema::new(KeyAttribute::new("a", KeyType::S), None);
    let old = item("{a: 'x', b: [1, {c: 'x'}], m: {b: 2}}");
    let parameters = vec![AttributeValue::Null; text.matches('?').count()];
    let condition = match Statement::parse(text, parameters) {
        Ok(Statement::Select(select) | Statement::Exists(select)) => {
            if let Some(columns) = &select.columns {
                columns.project(&old);
            }
            drop(ReadPlan::new(&select, &schema, Some(&schema)));
            select.condition
        }
        Ok(Statement::Update(update)) => {
            drop(update.update.apply(Some(&old), &Item::new()));
            update.condition
        }
        Ok(Statement::Delete(delete)) => delete.condition,
        Ok(Statement::Insert(_)) => None,
        Err(error) => {
            assert!(error.to_string().len() <= 3 * text.len() + 500);
            None
        }
    };
    drop(ItemCondition::new(condition.as_ref(), &schema));
    if let Some(condition) = condition {
        let condition = Condition::new(condition);
        condition.evaluate(&old);
        assert_eq!(condition, condition.clone());
    }
}

/// Runs on half the stack that callers have.
fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new()
        .stack_size(1024 * 1024)
        .spawn(work)
        .expect("a thread starts")
        .join()
        .expect("nothing panics");
}

#[test]
fn deep_and_long_statements() {
    on_a_small_stack(|| {
        for unit in [
            "(",
            ")",
            "[",
            "{",
            "{'a':",
            "<<",
            "NOT ",
            "NOT(",
            "- ",
            "+",
            "a.",
            "a[0].",
            "a[",
            "f(",
            "size(",
            "a,",
            "a=",
            "a=a AND ",
            "a=1 OR ",
            "(a<b AND ",
            "NOT (a<b OR ",
            "a IN (",
            "a BETWEEN ",
            "1+",
            "(1+",
            "list_append(a,",
            "if_not_exists(a,",
            "(SELECT * FROM a WHERE ",
            "CASE WHEN ",
            "CAST(",
            "EXISTS(",
            "SET a=",
            "SET a=1 ",
            "REMOVE a ",
            "?",
            "'",
            "''",
            "\"",
            "/*",
            "--",
            "`",
            "\u{fc}",
            "a IS NULL AND ",
            "a LIKE ",
            "VALUE ",
            ";",
        ] {
            for prefix in [
                "",
                "SELECT * FROM abc WHERE ",
                "SELECT ",
                "SELECT * FROM ",
                "INSERT INTO abc VALUE ",
                "INSERT INTO abc VALUE {'a': ",
                "UPDATE abc SET a = ",
                "UPDATE abc ",
                "DELETE FROM abc WHERE a = 'x' AND ",
                "SELECT * FROM abc WHERE a = 'x' ORDER BY ",
            ] {
                let mut text = prefix.to_owned();
                while text.chars().count() + unit.chars().count() <= STATEMENT_CHARS_MAX {
                    text.push_str(unit);
                }
                parse_all(&text);
                parse_all(text.trim_end_matches(['(', ',', ' ', '=']));
            }
        }
    });
}

/// As client libraries nest chains: each level is one more pair of parentheses.
#[test]
fn nesting_that_is_of_use_is_accepted() {
    on_a_small_stack(|| {
        for levels in [1, 20, 48] {
            let left = format!("{}a<b{}", "(".repeat(levels), " OR a<b)".repeat(levels));
            let right = format!("{}a<b{}", "(a<b OR ".repeat(levels), ")".repeat(levels));
            let not = format!("{}a<b{}", "NOT (".repeat(levels), ")".repeat(levels));
            let long = vec!["a<b"; 151].join(" AND ");
            for text in [left, right, not, long] {
                let text = format!("SELECT * FROM abc WHERE {text}");
                match Statement::parse(&text, Vec::new()) {
                    Ok(_) => parse_all(&text),
                    Err(error) => assert_eq!(
                        error.to_string(),
                        "The expression contains too many operators; operator count: 301"
                    ),
                }
            }
        }
        let deep = format!(
            "SELECT * FROM abc WHERE {}a<b{}",
            "(".repeat(200),
            ")".repeat(200)
        );
        let refused = PartiqlError::Syntax(SyntaxFault::TooDeep);
        assert_eq!(Statement::parse(&deep, Vec::new()), Err(refused));
    });
}

/// Large parameters are shared, not copied, however often they are looked at.
#[test]
fn large_parameters_are_shared() {
    let value = AttributeValue::S("x".repeat(300 * 1024));
    let condition = vec!["b = ?"; 150].join(" OR ");
    let text = format!("SELECT * FROM abc WHERE {condition}");
    let Ok(Statement::Select(select)) = Statement::parse(&text, vec![value; 150]) else {
        panic!("it is a SELECT");
    };
    let condition = Condition::new(select.condition.expect("there is one"));
    assert!(!condition.clone().evaluate(&item("{b: 1}")));
}

fn fragment() -> impl Strategy<Value = String> {
    const WORDS: [&str; 78] = [
        "a",
        "b",
        "\"a\"",
        "m.b",
        "b[0]",
        "?",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "<<",
        ">>",
        "0",
        "-1",
        "1e9",
        "99999999999",
        "'x'",
        "''",
        ".",
        ",",
        ":",
        "=",
        "<>",
        "!=",
        "<",
        "<=",
        "+",
        "-",
        "*",
        "/",
        "||",
        ";",
        "SELECT",
        "FROM",
        "WHERE",
        "INSERT",
        "INTO",
        "VALUE",
        "UPDATE",
        "SET",
        "REMOVE",
        "DELETE",
        "EXISTS",
        "ORDER",
        "BY",
        "ASC",
        "DESC",
        "AND",
        "OR",
        "NOT",
        "BETWEEN",
        "IN",
        "IS",
        "MISSING",
        "NULL",
        "TRUE",
        "STRING",
        "LIKE",
        "RETURNING",
        "ALL",
        "OLD",
        "NEW",
        "MODIFIED",
        "LIMIT",
        "CASE",
        "CAST",
        "AS",
        "size",
        "contains",
        "set_add",
        "list_append",
        "if_not_exists",
        "abc",
        "`1`",
        "@",
        "--",
    ];
    prop::sample::select(&WORDS[..]).prop_map(|word| format!("{word} "))
}

fn beginning() -> impl Strategy<Value = &'static str> {
    prop::sample::select(
        &[
            "",
            "SELECT * FROM abc WHERE ",
            "SELECT ",
            "INSERT INTO abc VALUE ",
            "UPDATE abc SET a = ",
            "UPDATE abc SET b = 1 WHERE ",
            "DELETE FROM abc WHERE ",
        ][..],
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_text_panics(text in "\\PC{0,60}") {
        parse_all(&text);
    }

    #[test]
    fn no_sequence_of_tokens_panics(
        beginning in beginning(),
        fragments in prop::collection::vec(fragment(), 0..20),
    ) {
        parse_all(&format!("{beginning}{}", fragments.concat()));
    }
}
