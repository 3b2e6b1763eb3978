//! A pattern against an event.
//!
//! Both trees are walked beside each other. Where the event has an array, the pattern is tried on each element, so that
//! fields that stand together in the pattern are found together in one element. Arrays have no place in a path.
//!
//! A field that is named both beside a `$or` and within it (an entangled pattern) would be looked up twice, and found in
//! different elements. So the alternatives of such a `$or` are joined with what stands beside them, one after the other.
//! With a pattern made for it this would take for ever: after [`VISITS_MAX`] steps each side is looked up on its own.

use std::cell::Cell;

use super::pattern::{Field, Fields, FilterPattern, Leaf, Wanted};
use super::steps::Steps;
use super::tree::Tree;

/// Steps of joining in one match.
const VISITS_MAX: u32 = 20_000;

/// Whether the event matches, as far as the steps go.
pub(super) fn matches(pattern: &FilterPattern, event: &Tree<'_>, steps: &Steps) -> bool {
    let matcher = Matcher {
        visits_left: Cell::new(VISITS_MAX),
        steps,
    };
    matcher.object(&pattern.root, Some(event)).is_met() || steps.are_used_up()
}

/// In which ways something is met.
///
/// What is only met because values are absent says nothing about one element of an array: it must be so in all of
/// them. What is met by a value is met in the element that has it, and then absence is asked of that element alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Met {
    by_value: bool,
    by_absence: bool,
}

impl Met {
    const NOT: Met = Met {
        by_value: false,
        by_absence: false,
    };
    /// What holds when nothing is asked.
    const NOTHING_ASKED: Met = Met {
        by_value: false,
        by_absence: true,
    };
    /// When the steps are used up, so that nothing more is looked at.
    const GIVEN_UP: Met = Met {
        by_value: true,
        by_absence: true,
    };

    fn is_met(self) -> bool {
        self.by_value || self.by_absence
    }

    fn and(self, other: Met) -> Met {
        let both = self.is_met() && other.is_met();
        Met {
            by_value: both && (self.by_value || other.by_value),
            by_absence: self.by_absence && other.by_absence,
        }
    }

    fn or(self, other: Met) -> Met {
        Met {
            by_value: self.by_value || other.by_value,
            by_absence: self.by_absence || other.by_absence,
        }
    }

    fn all(met: impl IntoIterator<Item = Met>) -> Met {
        let mut all = Met::NOTHING_ASKED;
        for met in met {
            all = all.and(met);
            if !all.is_met() {
                break;
            }
        }
        all
    }

    fn any(met: impl IntoIterator<Item = Met>) -> Met {
        met.into_iter().fold(Met::NOT, Met::or)
    }
}

/// The member of a value that is an object.
pub(super) fn member<'e, 'a>(value: Option<&'e Tree<'a>>, name: &str) -> Option<&'e Tree<'a>> {
    match value {
        Some(Tree::Object(members)) => members.get(name),
        _ => None,
    }
}

struct Matcher<'s> {
    /// While there are some, entangled alternatives are joined with what stands beside them.
    visits_left: Cell<u32>,
    /// Each way down takes some, and ends when there are none: every loop, too, at the first element that is met then.
    steps: &'s Steps,
}

impl Matcher<'_> {
    /// What is asked of one object. In an array, one element must meet all of it.
    fn object(&self, wanted: &Fields, value: Option<&Tree<'_>>) -> Met {
        if !self.steps.take() {
            return Met::GIVEN_UP;
        }
        if let Some(Tree::Array(elements)) = value {
            let mut elements = elements.iter();
            return Met {
                by_value: elements.any(|element| self.object(wanted, Some(element)).by_value),
                by_absence: self.absent(wanted, value),
            };
        }
        if wanted.is_entangled && self.spend(wanted.fields.len()) {
            let fields: Vec<_> = wanted.fields.iter().collect();
            return self.joined(&fields, &[&wanted.alternatives], value);
        }
        let fields = Met::all(wanted.fields.iter().map(|field| self.field(field, value)));
        match fields.is_met() && !wanted.alternatives.is_empty() {
            true => fields.and(self.one_of(&wanted.alternatives, value)),
            false => fields,
        }
    }

    fn field(&self, field: &Field, object: Option<&Tree<'_>>) -> Met {
        let value = self.member(object, &field.name);
        match &field.wanted {
            Wanted::Fields(wanted) => self.object(wanted, value),
            Wanted::Leaf(wanted) => self.leaf(wanted, value),
        }
    }

    fn member<'e, 'a>(&self, object: Option<&'e Tree<'a>>, name: &str) -> Option<&'e Tree<'a>> {
        if let Some(Tree::Object(members)) = object {
            self.steps.take_for(members.len());
        }
        member(object, name)
    }

    /// Whether one of the rules holds for the value, or for an element of it.
    fn leaf(&self, leaf: &Leaf, value: Option<&Tree<'_>>) -> Met {
        Met {
            by_value: value.is_some_and(|value| self.holds(leaf, value)),
            by_absence: leaf.may_be_absent && !value.is_some_and(|value| self.has_value(value)),
        }
    }

    fn holds(&self, leaf: &Leaf, value: &Tree<'_>) -> bool {
        if !self.steps.take() {
            return true;
        }
        match value {
            Tree::Array(elements) => elements.iter().any(|element| self.holds(leaf, element)),
            value => leaf.rules.hold(value, self.steps),
        }
    }

    /// Whether there is anything but objects, which is what `exists` is about.
    fn has_value(&self, value: &Tree<'_>) -> bool {
        if !self.steps.take() {
            return true;
        }
        match value {
            Tree::Array(elements) => elements.iter().any(|element| self.has_value(element)),
            Tree::Object(_) => false,
            _ => true,
        }
    }

    /// Whether all of it is met by absence, in every element of whatever array.
    fn absent(&self, wanted: &Fields, value: Option<&Tree<'_>>) -> bool {
        let mut fields = wanted.fields.iter();
        let mut alternatives = wanted.alternatives.iter();
        fields.all(|field| self.absent_field(field, value))
            && (wanted.alternatives.is_empty() || alternatives.any(|one| self.absent(one, value)))
    }

    fn absent_field(&self, field: &Field, object: Option<&Tree<'_>>) -> bool {
        if !self.steps.take() {
            return false;
        }
        match object {
            Some(Tree::Array(elements)) if !elements.is_empty() => {
                let mut elements = elements.iter();
                return elements.all(|element| self.absent_field(field, Some(element)));
            }
            _ => {}
        }
        let value = self.member(object, &field.name);
        match &field.wanted {
            Wanted::Fields(wanted) => self.absent(wanted, value),
            Wanted::Leaf(wanted) => self.leaf(wanted, value).by_absence,
        }
    }

    fn one_of(&self, alternatives: &[Fields], value: Option<&Tree<'_>>) -> Met {
        let alternatives = alternatives.iter();
        Met::any(alternatives.map(|wanted| self.object(wanted, value)))
    }

    /// Several demands on one object together: all of the fields, and one alternative of each open `$or`.
    fn joined<'p>(
        &self,
        fields: &[&'p Field],
        open: &[&'p [Fields]],
        value: Option<&Tree<'_>>,
    ) -> Met {
        if !self.steps.take() {
            return Met::GIVEN_UP;
        }
        if let Some(Tree::Array(elements)) = value {
            let mut elements = elements.iter();
            let mut wanted = open.iter();
            return Met {
                by_value: elements.any(|one| self.joined(fields, open, Some(one)).by_value),
                by_absence: fields.iter().all(|field| self.absent_field(field, value))
                    && wanted.all(|wanted| wanted.iter().any(|one| self.absent(one, value))),
            };
        }
        if !self.spend(1 + fields.len() + open.len()) {
            let fields = Met::all(fields.iter().map(|field| self.field(field, value)));
            let open = open.iter();
            return fields.and(Met::all(open.map(|wanted| self.one_of(wanted, value))));
        }
        let Some((alternatives, open)) = open.split_last() else {
            return self.together(fields, value);
        };
        Met::any(alternatives.iter().map(|alternative| {
            let fields: Vec<_> = fields.iter().copied().chain(&alternative.fields).collect();
            let open: Vec<_> = open.iter().copied().chain(alternative.open()).collect();
            self.joined(&fields, &open, value)
        }))
    }

    /// Fields of one object, some of which may have the same name and so ask the same value.
    fn together(&self, fields: &[&Field], object: Option<&Tree<'_>>) -> Met {
        let mut fields = fields.to_vec();
        fields.sort_by(|a, b| a.name.cmp(&b.name));
        let groups = fields.chunk_by(|a, b| a.name == b.name);
        Met::all(groups.map(|group| match group {
            [field] => self.field(field, object),
            fields => self.same_name(fields, object),
        }))
    }

    fn same_name(&self, fields: &[&Field], object: Option<&Tree<'_>>) -> Met {
        let value = fields
            .first()
            .and_then(|field| self.member(object, &field.name));
        let mut met = Met::NOTHING_ASKED;
        let mut below = Vec::new();
        let mut open = Vec::new();
        for field in fields {
            match &field.wanted {
                Wanted::Leaf(wanted) => met = met.and(self.leaf(wanted, value)),
                Wanted::Fields(wanted) => {
                    below.extend(&wanted.fields);
                    open.extend(wanted.open());
                }
            }
        }
        match below.is_empty() && open.is_empty() {
            true => met,
            false => met.and(self.joined(&below, &open, value)),
        }
    }

    /// Takes some of what joining may cost; false if it is used up.
    fn spend(&self, visits: usize) -> bool {
        let left = self.visits_left.get();
        let rest = u32::try_from(visits)
            .ok()
            .and_then(|visits| left.checked_sub(visits));
        self.visits_left.set(rest.unwrap_or(0));
        rest.is_some()
    }
}
