//! Texts made to hurt: none may panic, overflow the stack or take long.

use headwater_expression::{
    Condition, ExpressionKind, KeyCondition, Placeholders, Projection, Steps, StepsUsedUp, Update,
};
use headwater_model::{AttributeValue, Item};
use proptest::prelude::*;

use crate::notation::{item, placeholders};

fn parse_all(text: &str, given: &Placeholders) {
    for kind in [ExpressionKind::Condition, ExpressionKind::Filter] {
        if let Ok(condition) = Condition::parse(kind, text, &mut given.clone()) {
            condition.evaluate(&item("{a: [1, {b: 'x'}], b: 2}"));
            condition.attributes();
        }
    }
    if let Ok(condition) = KeyCondition::parse(text, &mut given.clone()) {
        drop(condition.terms());
    }
    if let Ok(projection) = Projection::parse(text, &mut given.clone()) {
        projection.project(&item("{a: [1, {b: 'x'}], b: 2}"));
    }
    if let Ok(update) = Update::parse(text, &mut given.clone()) {
        drop(update.apply(Some(&item("{a: [1, {b: 'x'}], b: 2}")), &Item::new()));
        drop(update.apply(None, &Item::new()));
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
fn deep_and_long_texts() {
    on_a_small_stack(|| {
        let given = placeholders(":v=1");
        for unit in [
            "(",
            ")",
            "[",
            "NOT ",
            "NOT(",
            "a.",
            "a[0]",
            "size(",
            "a,",
            "a=a AND ",
            "(a<b AND ",
            "a.b.c[1],",
            "list_append(",
            "if_not_exists(a,",
            "SET ",
            "a IN (",
            ":v,",
            "#",
            "\u{fc}",
            "SET a=",
            "(a",
            "NOT (a<b AND ",
        ] {
            for prefix in ["", "SET a = ", "a = b OR ", "SET a = :v REMOVE "] {
                let mut text = prefix.to_owned();
                while text.len() + unit.len() <= 4096 {
                    text.push_str(unit);
                }
                parse_all(&text, &given);
                parse_all(text.trim_end_matches(['(', ',', ' ']), &given);
            }
        }
    });
}

/// As client libraries nest chains: each level is one more pair of parentheses. At most there are 300 operators.
#[test]
fn nesting_that_is_of_use_is_accepted() {
    on_a_small_stack(|| {
        for levels in [1, 100, 149] {
            let left = format!("{}a<b{}", "(".repeat(levels), " OR a<b)".repeat(levels));
            let right = format!("{}a<b{}", "(a<b OR ".repeat(levels), ")".repeat(levels));
            let not = levels * 2 + 1;
            let not = format!("{}a<b{}", "NOT (".repeat(not), ")".repeat(not));
            let mixed = levels * 2 / 5;
            let mixed = format!(
                "{}a<b{}",
                "NOT (a<b AND (a<b OR ".repeat(mixed),
                "))".repeat(mixed)
            );
            for text in [left, right, not, mixed] {
                let parsed =
                    Condition::parse(ExpressionKind::Filter, &text, &mut Placeholders::default());
                let condition = parsed.unwrap();
                condition.evaluate(&Item::new());
                assert_eq!(condition, condition.clone());
            }
        }
    });
}

/// Every way to go through a large value takes steps, and none goes on without them.
#[test]
fn what_is_compared_again_and_again_ends_when_the_steps_are_used_up() {
    let long = "x".repeat(10_000);
    let mut large = item("{p: 1}");
    let lists = [("a", "y"), ("b", "z")].map(|(name, end)| {
        let mut list = vec![AttributeValue::Null; 9_999];
        list.push(AttributeValue::from(end));
        (name, AttributeValue::L(list))
    });
    let sets = [("c", "y"), ("d", "z")].map(|(name, end)| {
        let mut set: Vec<String> = (0..9_999).map(|number| number.to_string()).collect();
        set.push(end.to_owned());
        (name, AttributeValue::string_set(set).unwrap())
    });
    let texts = [("s", "y"), ("t", "z")].map(|(name, end)| {
        let text = format!("{long}{end}");
        (name, AttributeValue::from(text))
    });
    for (name, value) in lists.into_iter().chain(sets).chain(texts) {
        large.insert(name.to_owned(), value);
    }
    let map = |list: &str| {
        let list = large.get(list).cloned().unwrap();
        AttributeValue::M([("l".to_owned(), list)].into_iter().collect())
    };
    let (m, n) = (map("a"), map("b"));
    large.insert("m".to_owned(), m);
    large.insert("n".to_owned(), n);
    for (text, least) in [
        ("a = b", 10_000),
        ("NOT a <> b", 10_000),
        ("a IN (p, b, b)", 20_000),
        ("m = n", 10_000),
        ("contains(a, t)", 10_000),
        ("c = d", 10_000),
        ("s = t", 600),
        ("s > t", 600),
        ("s BETWEEN t AND t", 600),
        ("begins_with(s, t)", 600),
        ("contains(s, t)", 600),
        ("size(s) < p", 600),
    ] {
        let mut given = Placeholders::default();
        let condition = Condition::parse(ExpressionKind::Filter, text, &mut given).unwrap();
        let mut steps = Steps::new(1_000_000);
        assert_eq!(
            condition.evaluate_within(&large, &mut steps),
            Ok(false),
            "{text}"
        );
        let taken = steps.taken();
        assert!(
            (least..2 * least + 1_000).contains(&taken),
            "{text}: {taken}"
        );
        let mut few = Steps::new(taken);
        let refused = condition.evaluate_within(&large, &mut few);
        assert_eq!(refused, Err(StepsUsedUp), "{text}");
        // Each of them would take hundreds of steps more.
        let often = vec![text; 100].join(" OR ");
        let condition = Condition::parse(ExpressionKind::Filter, &often, &mut given).unwrap();
        let mut few = Steps::new(3 * taken);
        let refused = condition.evaluate_within(&large, &mut few);
        assert_eq!(refused, Err(StepsUsedUp), "{often}");
    }
}

/// Large values that are mentioned often are shared, not copied.
#[test]
fn large_values_are_shared() {
    let value = AttributeValue::S("x".repeat(2 * 1024 * 1024 - 10));
    let values = Some([(":v".to_owned(), value)].into());
    let mut given = Placeholders::new(None, values).unwrap();
    let list = vec![":v"; 99].join(",");
    let text = vec![format!("a IN ({list})"); 12].join(" OR ");
    let condition = Condition::parse(ExpressionKind::Filter, &text, &mut given).unwrap();
    assert!(!condition.evaluate(&item("{a: 1}")));
    let actions: Vec<_> = (0..400).map(|n| format!("a{n}=:v")).collect();
    let update = Update::parse(&format!("SET {}", actions.join(",")), &mut given).unwrap();
    assert!(update.apply(None, &Item::new()).is_err());
}

fn fragment() -> impl Strategy<Value = String> {
    const WORDS: [&str; 41] = [
        "a",
        "b",
        "#n",
        ":v",
        ":w",
        "(",
        ")",
        "[",
        "]",
        "0",
        "1",
        "99999999999",
        ".",
        ",",
        "=",
        "<>",
        "<",
        "<=",
        "+",
        "-",
        " ",
        "AND",
        "OR",
        "NOT",
        "BETWEEN",
        "IN",
        "SET",
        "REMOVE",
        "ADD",
        "DELETE",
        "size",
        "contains",
        "begins_with",
        "attribute_exists",
        "attribute_type",
        "if_not_exists",
        "list_append",
        "status",
        "_",
        "!",
        "\u{1d11e}",
    ];
    prop::sample::select(&WORDS[..]).prop_map(|word| format!("{word} "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_text_panics(text in "\\PC{0,60}") {
        parse_all(&text, &placeholders("#n=b :v=1 :w='x'"));
    }

    #[test]
    fn no_sequence_of_tokens_panics(fragments in prop::collection::vec(fragment(), 0..30)) {
        parse_all(&fragments.concat(), &placeholders("#n=b :v=1 :w=<'x'>"));
    }
}
