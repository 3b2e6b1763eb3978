//! Updates: actions on an item, where they come from, and what they leave behind.

mod apply;
pub(crate) mod build;
mod check;

use std::collections::BTreeSet;

use headwater_model::Item;

use crate::ast::{NUMBER_BYTES_MAX, Path, Segment, UpdateAction};
use crate::error::{ExpressionError, UpdateError};
use crate::kind::ExpressionKind;
use crate::parser::parse_update;
use crate::placeholders::Placeholders;
use crate::projection::Projection;

/// An update, ready to be applied any number of times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Update {
    actions: Vec<UpdateAction>,
    /// Whether it comes from `AttributeUpdates`, whose faults have another sentence.
    of_attribute_updates: bool,
}

/// What a new attribute, or element of a list, counts for beside its name and value.
const ELEMENT_BYTES: usize = 1;

/// What an update made of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Updated {
    /// The new item.
    pub item: Item,
    /// The paths that were written, in the order of the actions.
    pub touched: Vec<Path>,
}

impl Update {
    /// Parses an update expression.
    pub fn parse(text: &str, placeholders: &mut Placeholders) -> Result<Self, ExpressionError> {
        let kind = ExpressionKind::Update;
        let raw = parse_update(text)?;
        let actions = check::resolve(&raw, placeholders).map_err(|fault| fault.of(kind))?;
        Ok(Self::new(actions))
    }

    /// An update that was built and not parsed. Its paths must be apart from each other.
    pub fn new(actions: Vec<UpdateAction>) -> Self {
        Self {
            actions,
            of_attribute_updates: false,
        }
    }

    /// The update that `AttributeUpdates` means.
    pub(crate) fn of_attribute_updates(actions: Vec<UpdateAction>) -> Self {
        Self {
            actions,
            of_attribute_updates: true,
        }
    }

    /// The actions in the order written.
    pub fn actions(&self) -> &[UpdateAction] {
        &self.actions
    }

    /// Whether the update brings a missing item into being. One that only removes does not; one
    /// without any action does (Alternator's tests; api section 11).
    pub fn creates_item(&self) -> bool {
        let removes = |action: &UpdateAction| {
            matches!(
                action,
                UpdateAction::Remove { .. } | UpdateAction::Delete { .. }
            )
        };
        self.actions.is_empty() || !self.actions.iter().all(removes)
    }

    /// Most bytes that an item of this size may have after it, as sizes of items are counted.
    pub fn size_bytes_max(&self, item_bytes: usize) -> usize {
        let added = self.actions.iter().map(|action| {
            let names = action.path().rest.iter().map(|segment| match segment {
                Segment::Name(name) => name.len(),
                Segment::Index(_) => 0,
            });
            let name_bytes = action.path().attribute.len() + names.sum::<usize>();
            let value_bytes = match action {
                UpdateAction::Set { value, .. } => value.size_bytes_max(item_bytes),
                UpdateAction::Add { value, .. } => value.size_bytes() + NUMBER_BYTES_MAX,
                UpdateAction::Remove { .. } | UpdateAction::Delete { .. } => 0,
            };
            value_bytes.saturating_add(name_bytes + ELEMENT_BYTES)
        });
        added.fold(item_bytes, usize::saturating_add)
    }

    /// The top-level attributes that the update writes to.
    pub fn top_level_attributes(&self) -> BTreeSet<&str> {
        self.actions
            .iter()
            .map(|action| &*action.path().attribute)
            .collect()
    }

    /// Refuses an update that writes one of `keys`: the table's key attributes.
    pub fn refuse_keys<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k str>,
    ) -> Result<(), ExpressionError> {
        let written = self.top_level_attributes();
        match keys.into_iter().find(|key| written.contains(key)) {
            Some(name) => Err(ExpressionError::UpdateOfKey {
                name: name.to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// The type of the value that the update gives an attribute as a whole, adds to it or takes from it, if that is known
    /// without the item.
    pub fn known_type(&self, attribute: &str) -> Option<&'static str> {
        let mut actions = self.actions.iter();
        let is_whole = |path: &Path| path.is_top_level() && *path.attribute == *attribute;
        match actions.find(|action| is_whole(action.path()))? {
            UpdateAction::Set { value, .. } => value.known_type(),
            UpdateAction::Remove { .. } => None,
            UpdateAction::Add { value, .. } | UpdateAction::Delete { value, .. } => {
                Some(value.type_name())
            }
        }
    }

    /// Applies the update to `old`, or to a new item that has only its key.
    ///
    /// All right sides read `old`; of a missing item they read the key (dynalite's captures, DynamoDB
    /// Local). A missing item stays as it is, without a fault, unless [`Self::creates_item`]; the
    /// caller decides by that whether to store the result.
    pub fn apply(&self, old: Option<&Item>, key: &Item) -> Result<Updated, UpdateError> {
        let touched = self
            .actions
            .iter()
            .map(|action| action.path().clone())
            .collect();
        let before = old.unwrap_or(key);
        let mut item = before.clone();
        if old.is_some() || self.creates_item() {
            apply::apply(&self.actions, before, &mut item).map_err(|error| self.worded(error))?;
        }
        Ok(Updated { item, touched })
    }

    fn worded(&self, error: UpdateError) -> UpdateError {
        match error {
            UpdateError::OperandType if self.of_attribute_updates => UpdateError::TypeMismatch,
            other => other,
        }
    }
}

impl Updated {
    /// The written parts as they are now (`UPDATED_NEW`).
    pub fn updated_new(&self) -> Item {
        Projection::of_paths(&self.touched).project(&self.item)
    }

    /// The written parts as they were in `old`, the item that the update was applied to
    /// (`UPDATED_OLD`).
    pub fn updated_old(&self, old: Option<&Item>) -> Item {
        old.map(|old| Projection::of_paths(&self.touched).project(old))
            .unwrap_or_default()
    }
}
