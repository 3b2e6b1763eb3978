//! Patterns and events made to hurt: none may panic, overflow the stack or take long.

use std::time::{Duration, Instant};

use headwater_expression::filter::{FilterPattern, Filters, PATTERN_CHARS_MAX, STEPS_MAX};
use proptest::prelude::*;

/// Far above what any of them takes, and far below what a product of alternatives would.
const TIME_MAX: Duration = Duration::from_secs(20);

/// Runs on half the stack that callers have, against a clock.
fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    let began = Instant::now();
    std::thread::Builder::new()
        .stack_size(1024 * 1024)
        .spawn(work)
        .expect("a thread starts")
        .join()
        .expect("nothing panics");
    assert!(began.elapsed() < TIME_MAX, "{:?}", began.elapsed());
}

fn run(pattern: &str, event: &str) {
    if let Ok(filters) = Filters::parse(&[pattern])
        && let Ok(matches) = filters.matches(event.as_bytes())
        && let Ok(explained) = filters.explain(event.as_bytes())
    {
        assert_eq!(explained.matches, matches);
    }
}

#[test]
fn nesting() {
    on_a_small_stack(|| {
        for (open, close) in [
            ("{", "}"),
            ("[", "]"),
            (r#"{"a":"#, "}"),
            (r#"{"$or":["#, "]}"),
            (r#"{"a":["#, "]}"),
        ] {
            for depth in [20, 50, 99, 100, 101, 127, 128, 129, 1000, 5000, 500_000] {
                let opened = open.repeat(depth);
                let event = opened.clone() + "[1]" + &close.repeat(depth);
                assert!(depth < 1000 || FilterPattern::parse(&opened).is_err());
                run(&opened, &event);
                run(&event, &event);
                run(r#"{"a":[1]}"#, &event);
            }
        }
    });
}

#[test]
fn alternatives_are_not_multiplied() {
    // Each level has two alternatives beside a further level with two: 2^n combinations.
    let nested = |levels: usize| {
        let open = r#"{"$or":[{"x":[1]},{"x":[2]}],"d":"#.repeat(levels);
        open + r#"{"y":[1]}"# + &"}".repeat(levels)
    };
    let levels = 90;
    let pattern = nested(levels);
    assert!(pattern.len() <= PATTERN_CHARS_MAX);
    on_a_small_stack(move || {
        let filters = Filters::parse(&[&pattern]).expect("a pattern");
        let event = |y: u8| {
            r#"{"x":2,"d":"#.repeat(levels) + &format!(r#"{{"y":{y}}}"#) + &"}".repeat(levels)
        };
        assert_eq!(filters.matches(event(1).as_bytes()), Ok(true));
        assert_eq!(filters.matches(event(2).as_bytes()), Ok(false));
    });
}

#[test]
fn entangled_alternatives_end() {
    // Every level asks the same arrays again, and no choice of elements will do.
    let levels = 40;
    let alternative = |at: usize, inner: &str| {
        format!(
            r#"{{"v{}":{{"p":[1]}},"$or":[{inner},{{"v{}":{{"n":[1]}}}}]}}"#,
            at % 7,
            (at + 3) % 7
        )
    };
    let mut pattern = r#"{"none":[1]}"#.to_owned();
    for at in 0..levels {
        pattern = alternative(at, &pattern);
    }
    assert!(pattern.len() <= PATTERN_CHARS_MAX);
    let elements = r#"{"p":1},{"n":1},"#.repeat(2_000);
    let event: String = (0..7)
        .map(|at| format!(r#""v{at}":[{elements}0],"#))
        .collect();
    let event = format!("{{{event}\"z\":0}}");
    on_a_small_stack(move || run(&pattern, &event));
}

#[test]
fn long_texts_under_wildcards() {
    on_a_small_stack(|| {
        let text = format!(r#"{{"a":"{}"}}"#, "a".repeat(400_000));
        for wildcard in [
            "*a".repeat(200) + "*b",
            "*".to_owned() + &"a".repeat(3000) + "b*",
            "*".to_owned() + &"a".repeat(1500) + "b" + &"a".repeat(1500) + "*",
        ] {
            run(&format!(r#"{{"a":[{{"wildcard":"{wildcard}"}}]}}"#), &text);
        }
    });
}

#[test]
fn many_rules_on_many_elements() {
    on_a_small_stack(|| {
        let pattern = format!(r#"{{"a":{{"b":[{}0]}}}}"#, r#"{"suffix":"x"},"#.repeat(200));
        let event = format!(r#"{{"a":[{}0]}}"#, r#"{"b":"yyyyyyyyyy"},"#.repeat(20_000));
        run(&pattern, &event);
    });
}

fn array_of(elements: usize, element: &str) -> String {
    let others = format!("{element},").repeat(elements - 1);
    format!(r#"{{"a":[{others}{element}]}}"#)
}

#[test]
fn many_plain_values_for_many_elements_are_looked_up() {
    let texts: Vec<String> = (0..600).map(|at| format!(r#""{at}""#)).collect();
    let texts = texts.join(",");
    let none: Vec<String> = (0..6)
        .map(|at| format!(r#"{{"a":[{texts}],"{at}":[1]}}"#))
        .collect();
    let excluding = format!(r#"{{"a":[{{"anything-but":[{texts}]}}]}}"#);
    on_a_small_stack(move || {
        // As many elements as an item has room for.
        let (of_none, of_all) = (array_of(400_000, r#""600""#), array_of(400_000, r#""599""#));
        let filters = Filters::parse(&none).expect("patterns");
        let looked = filters.look(of_none.as_bytes()).expect("an event");
        assert!(!looked.matches && looked.steps < STEPS_MAX, "{looked:?}");
        let filters = Filters::parse(&[excluding]).expect("a pattern");
        assert_eq!(filters.matches(of_none.as_bytes()), Ok(true));
        let looked = filters.look(of_all.as_bytes()).expect("an event");
        assert!(!looked.matches && looked.steps < STEPS_MAX, "{looked:?}");
    });
}

#[test]
fn what_would_take_too_long_to_look_at_matches() {
    on_a_small_stack(|| {
        let prefixes = r#"{"prefix":"b"},"#.repeat(200);
        let prefixes = format!(r#"{{"a":[{prefixes}{{"prefix":"c"}}]}}"#);
        let absences: String = (0..120)
            .map(|at| format!(r#""{at}":[{{"exists":false}}],"#))
            .collect();
        let absences = format!(r#"{{"a":{{{absences}"x":[1]}}}}"#);
        for (pattern, element) in [(prefixes, r#""x""#), (absences, "{}")] {
            let filters = Filters::parse(&[&pattern]).expect("a pattern");
            let few = array_of(2, element);
            assert_eq!(filters.matches(few.as_bytes()), Ok(false), "{pattern}");
            let many = array_of(100_000, element);
            let looked = filters.look(many.as_bytes()).expect("an event");
            assert!(looked.matches && looked.steps == STEPS_MAX, "{looked:?}");
            run(&pattern, &many);
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_text_is_a_pattern_or_an_error(
        text in r#"[\{\}\[\]":,a$01. orprefix<>=*\\-]{0,60}"#,
        other in ".{0,20}",
    ) {
        run(&text, &text);
        run(&other, &text);
        run(r#"{"a":[1]}"#, &other);
    }
}
