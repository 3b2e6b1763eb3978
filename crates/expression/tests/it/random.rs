//! Random expressions on random items against naive models of the same rules.

use std::collections::BTreeMap;

use headwater_expression::{Condition, ExpressionKind, Placeholders, Projection, Update};
use headwater_model::{AttributeValue, Item, Number};
use proptest::prelude::*;

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(Number::from_i64(value))
}

fn scalar() -> impl Strategy<Value = AttributeValue> {
    prop_oneof![
        4 => (-2_i64..3).prop_map(number),
        4 => "[ab]{0,2}".prop_map(AttributeValue::S),
        1 => "[ab]{0,2}".prop_map(|text| AttributeValue::B(text.into_bytes().into())),
        1 => any::<bool>().prop_map(AttributeValue::Bool),
        1 => Just(AttributeValue::Null),
        1 => Just(AttributeValue::Ns(vec![Number::from_i64(1), Number::from_i64(2)])),
        1 => Just(AttributeValue::Ss(vec!["a".to_owned(), "b".to_owned()])),
    ]
}

/// The item that the models know: top-level attributes, a map `m` and a list `l`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    top: BTreeMap<String, AttributeValue>,
    m: BTreeMap<String, AttributeValue>,
    l: Vec<AttributeValue>,
}

pub fn model() -> impl Strategy<Value = Model> {
    let members = || prop::collection::btree_map("[abc]", scalar(), 0..4);
    (members(), members(), prop::collection::vec(scalar(), 0..4)).prop_map(|(top, m, l)| Model {
        top,
        m,
        l,
    })
}

impl Model {
    pub fn item(&self) -> Item {
        let mut item: Item = self.top.clone().into_iter().collect();
        item.insert(
            "m".to_owned(),
            AttributeValue::M(self.m.clone().into_iter().collect()),
        );
        item.insert("l".to_owned(), AttributeValue::L(self.l.clone()));
        item
    }

    fn get(&self, place: &Place) -> Option<&AttributeValue> {
        match place {
            Place::Top(name) => self.top.get(name),
            Place::Member(name) => self.m.get(name),
            Place::Element(index) => self.l.get(*index),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Top(String),
    Member(String),
    Element(usize),
}

impl Place {
    pub fn text(&self) -> String {
        match self {
            Self::Top(name) => name.clone(),
            Self::Member(name) => format!("m.{name}"),
            Self::Element(index) => format!("l[{index}]"),
        }
    }
}

fn place() -> impl Strategy<Value = Place> {
    prop_oneof![
        "[abcd]".prop_map(Place::Top),
        "[abcd]".prop_map(Place::Member),
        (0_usize..6).prop_map(Place::Element),
    ]
}

/// Collects values under placeholders while an expression is written.
#[derive(Default)]
pub struct Values(pub BTreeMap<String, AttributeValue>);

impl Values {
    pub fn add(&mut self, value: &AttributeValue) -> String {
        let key = format!(":v{}", self.0.len());
        self.0.insert(key.clone(), value.clone());
        key
    }

    fn placeholders(self) -> Placeholders {
        let values = (!self.0.is_empty()).then_some(self.0);
        Placeholders::new(None, values).expect("placeholders are right")
    }
}

#[derive(Clone, Debug)]
pub enum Test {
    Compare(&'static str, Place, AttributeValue),
    Between(Place, AttributeValue, Place),
    In(Place, Vec<AttributeValue>),
    Exists(Place, bool),
    Type(Place, &'static str),
    Begins(Place, String),
    Contains(Place, AttributeValue),
    Size(Place, &'static str, i64),
    Not(Box<Test>),
    Both(Box<Test>, Box<Test>),
    Either(Box<Test>, Box<Test>),
}

fn ordered() -> impl Strategy<Value = AttributeValue> {
    prop_oneof![
        (-2_i64..3).prop_map(number),
        "[ab]{0,2}".prop_map(AttributeValue::S)
    ]
}

pub fn test() -> impl Strategy<Value = Test> {
    let comparator = || prop::sample::select(&["=", "<>", "<", "<=", ">", ">="][..]);
    let types = prop::sample::select(&["S", "N", "B", "BOOL", "NULL", "SS", "NS", "L", "M"][..]);
    let leaf = prop_oneof![
        (comparator(), place(), ordered()).prop_map(|(c, p, v)| Test::Compare(c, p, v)),
        (place(), ordered(), place())
            .prop_filter("an attribute is no bound of itself", |(p, _, q)| p != q)
            .prop_map(|(p, v, q)| Test::Between(p, v, q)),
        (place(), prop::collection::vec(scalar(), 1..4)).prop_map(|(p, v)| Test::In(p, v)),
        (place(), any::<bool>()).prop_map(|(p, b)| Test::Exists(p, b)),
        (place(), types).prop_map(|(p, t)| Test::Type(p, t)),
        (place(), "[ab]{0,1}").prop_map(|(p, t)| Test::Begins(p, t)),
        (place(), scalar()).prop_map(|(p, v)| Test::Contains(p, v)),
        (place(), comparator(), 0_i64..4).prop_map(|(p, c, n)| Test::Size(p, c, n)),
    ];
    leaf.prop_recursive(5, 24, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|t| Test::Not(Box::new(t))),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Test::Both(Box::new(a), Box::new(b))),
            (inner.clone(), inner).prop_map(|(a, b)| Test::Either(Box::new(a), Box::new(b))),
        ]
    })
}

impl Test {
    /// The text with as few parentheses as precedence allows: `least` is 0 for OR, 1 for AND and 2
    /// for NOT around it.
    pub fn text(&self, least: u8, values: &mut Values) -> String {
        let (own, text) = match self {
            Self::Compare(c, p, v) => (3, format!("{} {c} {}", p.text(), values.add(v))),
            Self::Between(p, v, q) => (
                3,
                format!("{} BETWEEN {} AND {}", p.text(), values.add(v), q.text()),
            ),
            Self::In(p, list) => {
                let list: Vec<_> = list.iter().map(|v| values.add(v)).collect();
                (3, format!("{} IN ({})", p.text(), list.join(", ")))
            }
            Self::Exists(p, true) => (3, format!("attribute_exists({})", p.text())),
            Self::Exists(p, false) => (3, format!("attribute_not_exists({})", p.text())),
            Self::Type(p, name) => {
                let name = values.add(&AttributeValue::S((*name).to_owned()));
                (3, format!("attribute_type({}, {name})", p.text()))
            }
            Self::Begins(p, prefix) => {
                let prefix = values.add(&AttributeValue::S(prefix.clone()));
                (3, format!("begins_with({}, {prefix})", p.text()))
            }
            Self::Contains(p, v) => (3, format!("contains({}, {})", p.text(), values.add(v))),
            Self::Size(p, c, n) => (
                3,
                format!("size({}) {c} {}", p.text(), values.add(&number(*n))),
            ),
            Self::Not(t) => (2, format!("NOT {}", t.text(2, values))),
            Self::Both(a, b) => (
                1,
                format!("{} AND {}", a.text(1, values), b.text(1, values)),
            ),
            Self::Either(a, b) => (0, format!("{} OR {}", a.text(0, values), b.text(0, values))),
        };
        if own < least {
            format!("({text})")
        } else {
            text
        }
    }

    pub fn holds(&self, model: &Model) -> bool {
        match self {
            Self::Compare(c, p, v) => compare(model.get(p), c, Some(v)),
            Self::Between(p, v, q) => {
                compare(model.get(p), ">=", Some(v)) && compare(model.get(p), "<=", model.get(q))
            }
            Self::In(p, list) => list.iter().any(|v| model.get(p) == Some(v)),
            Self::Exists(p, there) => model.get(p).is_some() == *there,
            Self::Type(p, name) => model.get(p).is_some_and(|v| v.type_name() == *name),
            Self::Begins(p, prefix) => match model.get(p) {
                Some(AttributeValue::S(text)) => text.starts_with(prefix),
                _ => false,
            },
            Self::Contains(p, v) => model.get(p).is_some_and(|c| contains(c, v)),
            Self::Size(p, c, n) => {
                compare(model.get(p).and_then(size).as_ref(), c, Some(&number(*n)))
            }
            Self::Not(t) => !t.holds(model),
            Self::Both(a, b) => a.holds(model) && b.holds(model),
            Self::Either(a, b) => a.holds(model) || b.holds(model),
        }
    }
}

fn compare(left: Option<&AttributeValue>, by: &str, right: Option<&AttributeValue>) -> bool {
    let (Some(left), Some(right)) = (left, right) else {
        return by == "<>";
    };
    let order = match (left, right) {
        (AttributeValue::N(a), AttributeValue::N(b)) => a.to_i64().cmp(&b.to_i64()),
        (AttributeValue::S(a), AttributeValue::S(b)) => a.as_bytes().cmp(b.as_bytes()),
        (AttributeValue::B(a), AttributeValue::B(b)) => a.cmp(b),
        _ => return (by == "=" && left == right) || (by == "<>" && left != right),
    };
    match by {
        "=" => order.is_eq(),
        "<>" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    }
}

fn contains(container: &AttributeValue, sought: &AttributeValue) -> bool {
    match (container, sought) {
        (AttributeValue::S(text), AttributeValue::S(part)) => text.contains(part.as_str()),
        (AttributeValue::B(text), AttributeValue::B(part)) => {
            (0..=text.len()).any(|start| text[start..].starts_with(part))
        }
        (AttributeValue::Ss(set), AttributeValue::S(member)) => set.iter().any(|m| m == member),
        (AttributeValue::Ns(set), AttributeValue::N(member)) => set.iter().any(|m| m == member),
        _ => false,
    }
}

fn size(value: &AttributeValue) -> Option<AttributeValue> {
    match value {
        AttributeValue::S(text) => Some(number(text.len() as i64)),
        AttributeValue::B(bytes) => Some(number(bytes.len() as i64)),
        AttributeValue::Ss(_) | AttributeValue::Ns(_) => Some(number(2)),
        _ => None,
    }
}

#[derive(Clone, Debug)]
pub enum Action {
    Put(AttributeValue),
    Copy(Place),
    CopyOr(Place, AttributeValue),
    Plus(Place, i64),
    Remove,
    AddNumber(i64),
    AddMember(String),
    DeleteMember(String),
}

pub fn actions() -> impl Strategy<Value = BTreeMap<Place, Action>> {
    let action = prop_oneof![
        scalar().prop_map(Action::Put),
        place().prop_map(Action::Copy),
        (place(), scalar()).prop_map(|(p, v)| Action::CopyOr(p, v)),
        (place(), -2_i64..3).prop_map(|(p, n)| Action::Plus(p, n)),
        Just(Action::Remove),
        Just(Action::Remove),
        (-2_i64..3).prop_map(Action::AddNumber),
        "[abc]".prop_map(Action::AddMember),
        "[abc]".prop_map(Action::DeleteMember),
    ];
    prop::collection::btree_map(place(), action, 1..5)
}

fn update_text(actions: &BTreeMap<Place, Action>, values: &mut Values) -> String {
    let mut clauses: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (place, action) in actions {
        let path = place.text();
        let set = |member: &str| AttributeValue::Ss(vec![member.to_owned()]);
        let (clause, text) = match action {
            Action::Put(v) => ("SET", format!("{path} = {}", values.add(v))),
            Action::Copy(p) => ("SET", format!("{path} = {}", p.text())),
            Action::CopyOr(p, v) => (
                "SET",
                format!("{path} = if_not_exists({}, {})", p.text(), values.add(v)),
            ),
            Action::Plus(p, n) => (
                "SET",
                format!("{path} = {} + {}", p.text(), values.add(&number(*n))),
            ),
            Action::Remove => ("REMOVE", path),
            Action::AddNumber(n) => ("ADD", format!("{path} {}", values.add(&number(*n)))),
            Action::AddMember(m) => ("ADD", format!("{path} {}", values.add(&set(m)))),
            Action::DeleteMember(m) => ("DELETE", format!("{path} {}", values.add(&set(m)))),
        };
        clauses.entry(clause).or_default().push(text);
    }
    let clauses = clauses
        .iter()
        .map(|(clause, list)| format!("{clause} {}", list.join(", ")));
    clauses.collect::<Vec<_>>().join(" ")
}

/// The new value of a place (none: it goes), or none at all if the action cannot be done.
fn new_value(model: &Model, place: &Place, action: &Action) -> Option<Option<AttributeValue>> {
    let plus = |value: &AttributeValue, more: i64| match value {
        AttributeValue::N(value) => Some(Some(number(value.to_i64()? + more))),
        _ => None,
    };
    match (action, model.get(place)) {
        (Action::Put(v), _) => Some(Some(v.clone())),
        (Action::Copy(p), _) => Some(Some(model.get(p)?.clone())),
        (Action::CopyOr(p, v), _) => Some(Some(model.get(p).unwrap_or(v).clone())),
        (Action::Plus(p, n), _) => plus(model.get(p)?, *n),
        (Action::Remove, _) | (Action::DeleteMember(_), None) => Some(None),
        (Action::AddNumber(n), None) => Some(Some(number(*n))),
        (Action::AddNumber(n), Some(old)) => plus(old, *n),
        (Action::AddMember(m), None) => Some(Some(AttributeValue::Ss(vec![m.clone()]))),
        (Action::AddMember(m), Some(AttributeValue::Ss(old))) => {
            let mut set: Vec<_> = old.iter().filter(|o| *o != m).cloned().collect();
            set.push(m.clone());
            Some(Some(AttributeValue::string_set(set).expect("a set")))
        }
        (Action::DeleteMember(m), Some(AttributeValue::Ss(old))) => {
            let set: Vec<_> = old.iter().filter(|o| *o != m).cloned().collect();
            Some(AttributeValue::string_set(set).ok())
        }
        (Action::AddMember(_) | Action::DeleteMember(_), Some(_)) => None,
    }
}

pub fn apply(model: &Model, actions: &BTreeMap<Place, Action>) -> Option<Model> {
    let mut new = model.clone();
    let mut list: Vec<Option<AttributeValue>> = model.l.iter().cloned().map(Some).collect();
    let mut appended = Vec::new();
    for (place, action) in actions {
        let value = new_value(model, place, action)?;
        match place {
            Place::Top(name) => drop(replace(&mut new.top, name, value)),
            Place::Member(name) => drop(replace(&mut new.m, name, value)),
            Place::Element(index) if *index < list.len() => list[*index] = value,
            Place::Element(_) => appended.push(value),
        }
    }
    new.l = list.into_iter().chain(appended).flatten().collect();
    Some(new)
}

fn replace(
    map: &mut BTreeMap<String, AttributeValue>,
    name: &str,
    value: Option<AttributeValue>,
) -> Option<AttributeValue> {
    match value {
        Some(value) => map.insert(name.to_owned(), value),
        None => map.remove(name),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn conditions_hold_as_in_the_model(test in test(), model in model()) {
        let mut values = Values::default();
        let text = test.text(0, &mut values);
        let condition =
            Condition::parse(ExpressionKind::Condition, &text, &mut values.placeholders());
        let condition = condition.map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        prop_assert_eq!(condition.evaluate(&model.item()), test.holds(&model), "{}", text);
    }

    #[test]
    fn updates_apply_as_in_the_model(actions in actions(), model in model()) {
        let mut values = Values::default();
        let text = update_text(&actions, &mut values);
        let update = Update::parse(&text, &mut values.placeholders());
        let update = update.map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        let found = update.apply(Some(&model.item()), &Item::new()).ok().map(|new| new.item);
        let size_bytes_max = update.size_bytes_max(model.item().size_bytes());
        prop_assert!(found.as_ref().is_none_or(|new| new.size_bytes() <= size_bytes_max), "{}", text);
        prop_assert_eq!(found, apply(&model, &actions).map(|new| new.item()), "{}", text);
    }

    #[test]
    fn projections_show_as_in_the_model(
        places in prop::collection::btree_set(place(), 1..6),
        model in model(),
    ) {
        let text: Vec<_> = places.iter().rev().map(Place::text).collect();
        let projection = Projection::parse(&text.join(", "), &mut Placeholders::default()).unwrap();
        let mut shown = Model::default();
        for place in &places {
            let Some(value) = model.get(place).cloned() else { continue };
            match place {
                Place::Top(name) => drop(shown.top.insert(name.clone(), value)),
                Place::Member(name) => drop(shown.m.insert(name.clone(), value)),
                Place::Element(_) => shown.l.push(value),
            }
        }
        let mut expected = shown.item();
        expected.retain(|name, _| match name {
            "m" => !shown.m.is_empty(),
            "l" => !shown.l.is_empty(),
            _ => true,
        });
        prop_assert_eq!(projection.project(&model.item()), expected);
    }
}
