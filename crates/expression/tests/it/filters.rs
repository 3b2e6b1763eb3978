//! Event filter patterns, row by row of triggers.md section 4; "ruler" and "guide" are its sources.

use headwater_expression::filter::{FilterPattern, Filters, PATTERN_CHARS_MAX};

/// A record as functions receive it.
const RECORD: &str = r#"{
  "eventID": "0f", "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb", "awsRegion": "us-east-1",
  "dynamodb": {
    "ApproximateCreationDateTime": 1732012345.0,
    "Keys": {"pk": {"S": "a"}},
    "NewImage": {
      "pk": {"S": "a"},
      "status": {"S": "done"},
      "empty": {"S": ""},
      "price": {"N": "101"},
      "flag": {"BOOL": true},
      "gone": {"NULL": true},
      "ip": {"S": "10.0.0.7"},
      "tags": {"SS": ["red", "green"]},
      "user.name": {"S": "ann"},
      "lines": {"L": [
        {"M": {"sku": {"S": "x"}, "count": {"N": "1"}}},
        {"M": {"sku": {"S": "y"}, "count": {"N": "2"}}}
      ]}
    },
    "SequenceNumber": "100000000000000000000", "SizeBytes": 70, "StreamViewType": "NEW_IMAGE"
  },
  "eventSourceARN": "arn"
}"#;

fn matches(pattern: &str, event: &str) -> bool {
    let filters = Filters::parse(&[pattern]).unwrap_or_else(|e| panic!("{pattern}: {e}"));
    let matches = filters.matches(event.as_bytes()).expect(event);
    let explained = filters.explain(event.as_bytes()).expect(event);
    assert_eq!(explained.matches, matches, "{pattern}");
    assert_eq!(explained.patterns[0].rules.len(), filters.rules());
    matches
}

fn check_record(rows: &[(bool, &str)]) {
    for (expected, pattern) in rows {
        assert_eq!(matches(pattern, RECORD), *expected, "{pattern}");
    }
}

/// Rules on one field `v`, with the values that they match and those that they don't.
fn check_rules(rows: &[(&str, &[&str], &[&str])]) {
    for (rules, yes, no) in rows {
        let pattern = format!(r#"{{"v":{rules}}}"#);
        for (values, expected) in [(yes, true), (no, false)] {
            for value in *values {
                let event = format!(r#"{{"v":{value},"w":1}}"#);
                assert_eq!(matches(&pattern, &event), expected, "{rules} {value}");
            }
        }
    }
}

fn reason(pattern: &str) -> String {
    match FilterPattern::parse(pattern) {
        Ok(_) => panic!("{pattern} is accepted"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn patterns_are_ored_fields_anded_values_ored() {
    // guide
    check_record(&[
        (true, r#"{"eventName":["INSERT"]}"#),
        (true, r#"{"eventName":["MODIFY","INSERT"]}"#),
        (false, r#"{"eventName":["MODIFY"]}"#),
        (
            true,
            r#"{"eventName":["INSERT"],"awsRegion":["us-east-1"]}"#,
        ),
        (
            false,
            r#"{"eventName":["INSERT"],"awsRegion":["eu-west-1"]}"#,
        ),
    ]);
    let insert = r#"{"eventName":["INSERT"]}"#;
    let remove = r#"{"eventName":["REMOVE"]}"#;
    for (patterns, expected) in [
        (&[remove, insert][..], true),
        (&[remove, remove], false),
        (&[], true),
    ] {
        let filters = Filters::parse(patterns).expect("patterns");
        assert_eq!(filters.matches(RECORD.as_bytes()), Ok(expected));
    }
}

#[test]
fn the_path_goes_down_to_the_type_tag() {
    // recorded
    check_record(&[
        (
            true,
            r#"{"dynamodb":{"NewImage":{"status":{"S":["done"]}}}}"#,
        ),
        (false, r#"{"dynamodb":{"NewImage":{"status":["done"]}}}"#),
        (
            false,
            r#"{"dynamodb":{"NewImage":{"status":[{"exists":true}]}}}"#,
        ),
        (
            true,
            r#"{"dynamodb":{"NewImage":{"status":{"S":[{"exists":true}]}}}}"#,
        ),
        (
            true,
            r#"{"dynamodb":{"NewImage":{"flag":{"BOOL":[true]}}}}"#,
        ),
        (
            true,
            r#"{"dynamodb":{"NewImage":{"gone":{"NULL":[true]}}}}"#,
        ),
        (
            true,
            r#"{"dynamodb":{"NewImage":{"user.name":{"S":["ann"]}}}}"#,
        ),
    ]);
}

#[test]
fn numbers_of_attributes_are_strings() {
    // recorded: numeric never matches N; anything-but lets 42 pass and keeps 101
    check_record(&[
        (
            false,
            r#"{"dynamodb":{"NewImage":{"price":{"N":[{"numeric":[">",100]}]}}}}"#,
        ),
        (false, r#"{"dynamodb":{"NewImage":{"price":{"N":[101]}}}}"#),
        (true, r#"{"dynamodb":{"NewImage":{"price":{"N":["101"]}}}}"#),
        (
            false,
            r#"{"dynamodb":{"NewImage":{"price":{"N":[{"numeric":[">",100]},{"anything-but":"101"}]}}}}"#,
        ),
        (
            true,
            r#"{"dynamodb":{"NewImage":{"price":{"N":[{"anything-but":"42"}]}}}}"#,
        ),
        (
            true,
            r#"{"dynamodb":{"ApproximateCreationDateTime":[{"numeric":[">",0]}]}}"#,
        ),
        (
            true,
            r#"{"dynamodb":{"ApproximateCreationDateTime":[1732012345]}}"#,
        ),
        (
            false,
            r#"{"dynamodb":{"ApproximateCreationDateTime":["1732012345.0"]}}"#,
        ),
        (
            true,
            r#"{"dynamodb":{"SizeBytes":[{"numeric":[">=",70,"<",71]}]}}"#,
        ),
    ]);
}

#[test]
fn exists_is_about_leaves() {
    // recorded: exists false matches when the attribute is there, since it is an object
    check_record(&[
        (
            true,
            r#"{"dynamodb":{"NewImage":{"status":[{"exists":false}]}}}"#,
        ),
        (
            true,
            r#"{"dynamodb":{"NewImage":{"nothing":[{"exists":false}]}}}"#,
        ),
        (
            false,
            r#"{"dynamodb":{"NewImage":{"status":{"S":[{"exists":false}]}}}}"#,
        ),
        (
            true,
            r#"{"dynamodb":{"NewImage":{"status":{"N":[{"exists":false}]}}}}"#,
        ),
        (
            true,
            r#"{"dynamodb":{"OldImage":{"status":{"S":[{"exists":false}]}}}}"#,
        ),
        (true, r#"{"userIdentity":{"type":[{"exists":false}]}}"#),
        (
            true,
            r#"{"userIdentity":{"type":["Service",{"exists":false}]}}"#,
        ),
        (false, r#"{"userIdentity":{"type":["Service"]}}"#),
    ]);
    check_rules(&[
        (
            r#"[{"exists":true}]"#,
            &["1", "null", "\"\"", "false", "[1]", "[[1],{}]"],
            &["{}", "[]", "[{}]", r#"{"x":1}"#],
        ),
        (
            r#"[{"exists":false}]"#,
            &["{}", "[]", r#"{"x":1}"#, r#"[{"x":1}]"#],
            &["1", "null", "[null]"],
        ),
    ]);
}

#[test]
fn plain_values_are_compared_by_type_and_value() {
    check_rules(&[
        (
            r#"["a","b"]"#,
            &[r#""a""#, r#""b""#, r#""\u0061""#],
            &[r#""A""#, r#""ab""#, "1", "null"],
        ),
        ("[1]", &["1", "1.0", "10e-1"], &[r#""1""#, "2", "true"]),
        ("[-0.0]", &["0"], &["1"]),
        (
            "[9007199254740993]",
            &["9007199254740993"],
            &["9007199254740992"],
        ),
        ("[true]", &["true"], &["false", r#""true""#, "1"]),
        ("[null]", &["null"], &[r#""""#, r#""null""#, "0", "false"]),
        (r#"[""]"#, &[r#""""#], &["null", r#"" ""#]),
        (r#"["\u00e4"]"#, &["\"\u{e4}\""], &["\"a\u{308}\""]),
        (r#"[{"exactly":"x"}]"#, &[r#""x""#], &[r#""X""#]),
    ]);
}

#[test]
fn prefix_suffix_and_case() {
    // ruler: strings only
    check_rules(&[
        (
            r#"[{"prefix":"ab"}]"#,
            &[r#""ab""#, r#""abc""#],
            &[r#""a""#, r#""xab""#, r#""AB""#, "1"],
        ),
        (
            r#"[{"prefix":""}]"#,
            &[r#""""#, r#""a""#],
            &["1", "null", "{}"],
        ),
        (r#"[{"prefix":"1"}]"#, &[r#""1""#], &["1", "12"]),
        (
            r#"[{"suffix":"bc"}]"#,
            &[r#""bc""#, r#""abc""#],
            &[r#""c""#, r#""bcd""#],
        ),
        (
            r#"[{"prefix":{"equals-ignore-case":"aB"}}]"#,
            &[r#""AbC""#],
            &[r#""a""#, r#""xab""#],
        ),
        (
            r#"[{"suffix":{"equals-ignore-case":"bC"}}]"#,
            &[r#""aBc""#],
            &[r#""b""#],
        ),
        (
            r#"[{"equals-ignore-case":"aB"}]"#,
            &[r#""AB""#, r#""ab""#],
            &[r#""abc""#, r#""a""#],
        ),
    ]);
}

#[test]
fn wildcards() {
    check_rules(&[
        (
            r#"[{"wildcard":"a*b"}]"#,
            &[r#""ab""#, r#""axb""#],
            &[r#""a""#, r#""abx""#, "1"],
        ),
        (
            r#"[{"wildcard":"*"}]"#,
            &[r#""""#, r#""x""#],
            &["1", "null"],
        ),
        (
            r#"[{"wildcard":"a\\*\\\\*"}]"#,
            &[r#""a*\\x""#],
            &[r#""ax\\""#],
        ),
    ]);
}

#[test]
fn anything_but() {
    // ruler: the field must be there; values of another type are something else
    check_rules(&[
        (
            r#"[{"anything-but":"x"}]"#,
            &[r#""y""#, "1", "null", "true"],
            &[r#""x""#, "{}", "[]"],
        ),
        (
            r#"[{"anything-but":["x","y"]}]"#,
            &[r#""z""#, r#"["x","z"]"#],
            &[r#""x""#, r#"["x","y"]"#],
        ),
        (r#"[{"anything-but":1}]"#, &["2", r#""1""#], &["1", "1.0"]),
        (r#"[{"anything-but":[1,2]}]"#, &["3"], &["1", "2"]),
        (
            r#"[{"anything-but":{"prefix":"a"}}]"#,
            &[r#""b""#, "1"],
            &[r#""ab""#],
        ),
        (
            r#"[{"anything-but":{"prefix":["a","b"]}}]"#,
            &[r#""c""#],
            &[r#""ax""#, r#""bx""#],
        ),
        (
            r#"[{"anything-but":{"suffix":"a"}}]"#,
            &[r#""ab""#],
            &[r#""ba""#],
        ),
        (
            r#"[{"anything-but":{"suffix":["a","b"]}}]"#,
            &[r#""c""#],
            &[r#""xb""#],
        ),
        (
            r#"[{"anything-but":{"equals-ignore-case":"a"}}]"#,
            &[r#""b""#],
            &[r#""A""#],
        ),
        (
            r#"[{"anything-but":{"equals-ignore-case":["a","b"]}}]"#,
            &[r#""c""#],
            &[r#""B""#],
        ),
        (
            r#"[{"anything-but":{"wildcard":"a*c"}}]"#,
            &[r#""ab""#],
            &[r#""abc""#],
        ),
        (
            r#"[{"anything-but":{"wildcard":["a*","*b"]}}]"#,
            &[r#""c""#],
            &[r#""ax""#, r#""xb""#],
        ),
    ]);
    assert!(!matches(r#"{"x":[{"anything-but":"x"}]}"#, r#"{"v":1}"#));
}

#[test]
fn numeric_and_cidr() {
    check_rules(&[
        (
            r#"[{"numeric":["=",3.018e2]}]"#,
            &["301.8"],
            &["301", r#""301.8""#],
        ),
        (
            r#"[{"numeric":[">",0,"<=",5]}]"#,
            &["0.5", "5", "[9,5]"],
            &["0", "5.01", "-1", r#""1""#],
        ),
        (
            r#"[{"cidr":"10.0.0.0/24"}]"#,
            &[r#""10.0.0.255""#],
            &[r#""10.0.1.0""#, r#""::1""#, r#""x""#],
        ),
        (
            r#"[{"cidr":"2001:db8::/32"}]"#,
            &[r#""2001:db8:0:0::1""#],
            &[r#""2001:db9::""#],
        ),
    ]);
    check_record(&[(
        true,
        r#"{"dynamodb":{"NewImage":{"ip":{"S":[{"cidr":"10.0.0.0/8"}]}}}}"#,
    )]);
}

#[test]
fn alternatives() {
    // ruler
    let metrics = r#"{"source":["s"],"$or":[{"name":["cpu"]},{"type":["t"],"$or":[{"a":[1]},{"b":[2]}]},{"x":{"y":[3]}}]}"#;
    for (expected, event) in [
        (true, r#"{"source":"s","name":"cpu"}"#),
        (true, r#"{"source":"s","type":"t","b":2}"#),
        (true, r#"{"source":"s","x":{"y":3}}"#),
        (false, r#"{"source":"s","type":"t"}"#),
        (false, r#"{"source":"s"}"#),
        (false, r#"{"source":"r","name":"cpu"}"#),
    ] {
        assert_eq!(matches(metrics, event), expected, "{event}");
    }
    check_record(&[
        (
            true,
            r#"{"dynamodb":{"$or":[{"OldImage":{"pk":{"S":["a"]}}},{"NewImage":{"pk":{"S":["a"]}}}]}}"#,
        ),
        // Not alternatives but a field of that name: a keyword as a name, fewer than two objects, no objects.
        (
            false,
            r#"{"eventName":["INSERT"],"$or":[{"numeric":["=",1]},{"prefix":"abc"}]}"#,
        ),
        (false, r#"{"$or":{"eventName":["INSERT"]}}"#),
    ]);
    assert!(matches(
        r#"{"$or":[{"prefix":"a"},{"numeric":["=",1]}]}"#,
        r#"{"$or":"abc"}"#
    ));
    assert!(matches(r#"{"$or":[1,2]}"#, r#"{"$or":2}"#));
    assert!(reason(r#"{"$or":[{"a":[1]}]}"#).contains("$or needs two"));
    assert!(reason(r#"{"$or":[{"a":[1]},{}]}"#).contains("empty object"));
}

#[test]
fn arrays_of_the_event() {
    // ruler: two fields within array elements must be of the same element
    check_record(&[
        (
            true,
            r#"{"dynamodb":{"NewImage":{"tags":{"SS":["green"]}}}}"#,
        ),
        (
            false,
            r#"{"dynamodb":{"NewImage":{"tags":{"SS":["blue"]}}}}"#,
        ),
        (
            true,
            r#"{"dynamodb":{"NewImage":{"tags":{"SS":[{"anything-but":"red"}]}}}}"#,
        ),
        (
            true,
            r#"{"dynamodb":{"NewImage":{"lines":{"L":{"M":{"sku":{"S":["y"]},"count":{"N":["2"]}}}}}}}"#,
        ),
        (
            false,
            r#"{"dynamodb":{"NewImage":{"lines":{"L":{"M":{"sku":{"S":["y"]},"count":{"N":["1"]}}}}}}}"#,
        ),
    ]);
    let employees =
        r#"{"e":[[{"f":"John","l":"Doe"},{"f":"Anna","l":"Smith"}],[{"f":"Peter","l":"Jones"}]]}"#;
    assert!(matches(r#"{"e":{"f":["Anna"]}}"#, employees));
    assert!(matches(r#"{"e":{"f":["Anna"],"l":["Smith"]}}"#, employees));
    assert!(!matches(r#"{"e":{"f":["Anna"],"l":["Jones"]}}"#, employees));
    // The same across a $or.
    let across = |last: &str| {
        format!(r#"{{"e":{{"f":["Anna"]}},"$or":[{{"e":{{"l":["{last}"]}}}},{{"x":[1]}}]}}"#)
    };
    assert!(matches(&across("Smith"), employees));
    assert!(!matches(&across("Jones"), employees));
}

#[test]
fn absence_in_arrays_is_of_all_elements_or_of_the_one_found() {
    let pattern = r#"{"a":{"b":[{"exists":false}]}}"#;
    assert!(!matches(pattern, r#"{"a":[{"b":1},{"c":1}]}"#));
    assert!(matches(pattern, r#"{"a":[{"c":1},2]}"#));
    assert!(matches(pattern, r#"{"a":[]}"#));
    let pattern = r#"{"a":{"b":[{"exists":false}],"c":[1]}}"#;
    assert!(matches(pattern, r#"{"a":[{"b":1},{"c":1}]}"#));
    assert!(!matches(pattern, r#"{"a":[{"b":1,"c":1},{"c":2}]}"#));
}

#[test]
fn the_last_of_duplicate_keys_counts() {
    // guide
    assert!(matches(r#"{"v":["a"],"v":["b"]}"#, r#"{"v":"b"}"#));
    assert!(!matches(r#"{"v":["a"],"v":["b"]}"#, r#"{"v":"a"}"#));
    assert!(matches(r#"{"v":5,"v":["b"]}"#, r#"{"v":"b"}"#));
    assert!(matches(r#"{"v":["a"]}"#, r#"{"v":"b","v":"a"}"#));
}

#[test]
fn what_is_no_pattern_is_refused_with_place_and_reason() {
    for (pattern, expected) in [
        ("", "not JSON"),
        ("null", "a pattern is an object, not null"),
        (r#""simple string""#, "a pattern is an object, not a string"),
        (r#"[{"a":[1]}]"#, "a pattern is an object, not an array"),
        (r#"{"a":[1]} x"#, "not JSON"),
        ("{}", "an empty object"),
        (r#"{"a":{"b":{}}}"#, "at a.b: an empty object"),
        (
            r#"{"eventSource":"aws:sqs"}"#,
            r#"at eventSource: a string stands for no rule; write the values that match in an array: ["aws:sqs"]"#,
        ),
        (r#"{"a":[]}"#, "at a: an empty array"),
        (r#"{"a":[["b"]]}"#, "at a: an array within"),
        (
            r#"{"a":{"b.c":[{}]}}"#,
            r#"at a."b.c": an object without an operator"#,
        ),
        (r#"{"a":[{"regex":"x"}]}"#, r#""regex" is no operator"#),
        (r#"{"a":[{"prefix":"x","suffix":"y"}]}"#, "two operators"),
        (r#"{"a":[{"prefix":1}]}"#, "prefix takes a string"),
        (r#"{"a":[{"prefix":["x"]}]}"#, "prefix takes a string"),
        (r#"{"a":[{"prefix":{"wildcard":"x"}}]}"#, "prefix takes"),
        (r#"{"a":[{"equals-ignore-case":["x"]}]}"#, "takes a string"),
        (r#"{"a":[{"wildcard":"**"}]}"#, "two *"),
        (r#"{"a":[{"wildcard":"\\x"}]}"#, "stands only before"),
        (r#"{"a":[{"anything-but":[]}]}"#, "no empty list"),
        (
            r#"{"a":[{"anything-but":["x",1]}]}"#,
            "only strings or only numbers",
        ),
        (
            r#"{"a":[{"anything-but":true}]}"#,
            "takes strings or numbers",
        ),
        (
            r#"{"a":[{"anything-but":[null]}]}"#,
            "takes strings or numbers",
        ),
        (
            r#"{"a":[{"anything-but":{"prefix":""}}]}"#,
            "no empty prefix",
        ),
        (
            r#"{"a":[{"anything-but":{"numeric":["=",1]}}]}"#,
            "anything-but takes prefix",
        ),
        (
            r#"{"a":[{"anything-but":{"prefix":[1]}}]}"#,
            "prefix takes a string",
        ),
        (r#"{"a":[{"anything-but":{"wildcard":"**"}}]}"#, "two *"),
        (r#"{"a":[{"numeric":[]}]}"#, "numeric takes"),
        (r#"{"a":[{"numeric":["<",5,">",0]}]}"#, "first"),
        (r#"{"a":[{"exists":"true"}]}"#, "exists takes true or false"),
        (r#"{"a":[{"cidr":"10.0.0.0"}]}"#, "no block"),
        (r#"{"a":[1e999]}"#, "not JSON"),
        (r#"{"a":["\ud800"]}"#, "not JSON"),
    ] {
        let reason = reason(pattern);
        assert!(reason.contains(expected), "{pattern}: {reason}");
    }
    let good = r#"{"eventName":["INSERT"]}"#;
    let error = Filters::parse(&[good, "{}"]).expect_err("a bad pattern");
    assert_eq!(error.filter(), Some(1));
    assert!(error.to_string().starts_with("pattern 2: "), "{error}");
    let error = Filters::parse(&[good; 11]).expect_err("too many");
    assert_eq!(error.to_string(), "more than 10 patterns");
}

#[test]
fn a_pattern_has_a_longest_text_in_characters() {
    let sized = |chars: usize| format!(r#"{{"a":["{}"]}}"#, "\u{e4}".repeat(chars - 10));
    assert_eq!(sized(PATTERN_CHARS_MAX).chars().count(), PATTERN_CHARS_MAX);
    assert!(FilterPattern::parse(&sized(PATTERN_CHARS_MAX)).is_ok());
    assert!(reason(&sized(PATTERN_CHARS_MAX + 1)).contains("4096 characters"));
}

#[test]
fn an_event_is_an_object() {
    let filters = Filters::parse(&[r#"{"a":[1]}"#]).expect("a pattern");
    for bad in ["", "[]", "1", "{", "{} {}", "\u{ff}"] {
        assert!(filters.matches(bad.as_bytes()).is_err(), "{bad}");
        assert!(filters.explain(bad.as_bytes()).is_err(), "{bad}");
    }
    assert!(filters.matches(b"{\"a\":\"\xff\"}").is_err());
}

#[test]
fn explanations_say_what_was_found() {
    let rules = |pattern: &str, event: &str| {
        let filters = Filters::parse(&[pattern]).expect(pattern);
        let explained = filters.explain(event.as_bytes()).expect(event);
        let explained = explained.patterns.into_iter().next().expect("a pattern");
        let rules = explained.rules.into_iter();
        let rules = rules.map(|r| format!("{} {} {} {}", r.path, r.rule, r.matches, r.found));
        (rules.collect::<Vec<_>>(), explained.note)
    };
    let image = |inner: &str| format!(r#"{{"dynamodb":{{"NewImage":{inner}}}}}"#);
    for (pattern, expected) in [
        (
            r#"{"status":{"S":["open"]}}"#,
            r#"status.S ["open"] false "done""#,
        ),
        (
            r#"{"status":["done"]}"#,
            r#"status ["done"] false an object with S (the path must go on to S, the type of the attribute)"#,
        ),
        (
            r#"{"price":{"N":[{"numeric":[">",100]}]}}"#,
            r#"price.N [{"numeric":[">",100]}] false "101" (a string; N attributes are JSON strings, which numbers never match)"#,
        ),
        (
            r#"{"absent":{"S":["x"]}}"#,
            r#"absent.S ["x"] false nothing; the event has no absent there"#,
        ),
        (
            r#"{"status":{"N":["1"]}}"#,
            r#"status.N ["1"] false nothing"#,
        ),
        (
            r#"{"tags":{"SS":["red"]}}"#,
            r#"tags.SS ["red"] true "red", "green""#,
        ),
        (
            r#"{"user.name":{"S":["ann"]}}"#,
            r#""user.name".S ["ann"] true "ann""#,
        ),
    ] {
        let (rules, note) = rules(&image(pattern), RECORD);
        assert_eq!(rules, [format!("dynamodb.NewImage.{expected}")]);
        assert_eq!(note, None);
    }
    let (found, note) = rules(
        r#"{"$or":[{"a":[1]},{"b":{"$or":[{"c":[2]},{"d":[3]}]}}],"z":[null]}"#,
        r#"{"a":2,"b":{"d":3},"z":null}"#,
    );
    assert_eq!(
        found,
        [
            "z [null] true null",
            "$or[0].a [1] false 2",
            "$or[1].b.$or[0].c [2] false nothing",
            "$or[1].b.$or[1].d [3] true 3",
        ]
    );
    assert_eq!(note, None);
    let (_, note) = rules(
        r#"{"e":{"f":[1],"l":[2]}}"#,
        r#"{"e":[{"f":1,"l":1},{"f":2,"l":2}]}"#,
    );
    assert!(note.is_some_and(|note| note.contains("same element")));
    // Bounded, whatever the event holds.
    let long = format!(r#"{{"a":["{}",1,2,3,4,5,6]}}"#, "\u{e4}".repeat(100_000));
    let (found, _) = rules(r#"{"a":[0]}"#, &long);
    assert!(found[0].chars().count() < 300);
}
