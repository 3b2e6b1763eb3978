//! Putting the pages of all shards into one order: by sequence number while old records are read, as they come
//! once a shard has been read to its present end.

use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;
use tokio::sync::oneshot;

use super::shard::{Page, sequence};

/// The shards that are read, each with at most one page.
#[derive(Default)]
pub(super) struct Merge {
    lanes: BTreeMap<String, Lane>,
}

#[derive(Default)]
struct Lane {
    records: VecDeque<Value>,
    /// Nothing older is left unread here, so nobody needs to wait for this shard.
    at_present: bool,
    closed: bool,
    shown: Option<oneshot::Sender<()>>,
}

impl Merge {
    /// Expects pages of a shard.
    pub(super) fn add(&mut self, shard: &str) {
        self.lanes.insert(shard.to_owned(), Lane::default());
    }

    /// Whether no shard is read any more.
    pub(super) fn is_over(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Takes a page in.
    pub(super) fn offer(&mut self, page: Page) {
        if let Some(lane) = self.lanes.get_mut(&page.shard) {
            lane.at_present |= page.records.is_empty();
            lane.closed = page.closed;
            lane.records = page.records.into();
            lane.shown = Some(page.shown);
            lane.ask_for_more();
        }
    }

    /// The next record in order, with its shard; none until more pages come.
    pub(super) fn next(&mut self) -> Option<(&str, Value)> {
        let waiting = |lane: &Lane| lane.records.is_empty() && !lane.at_present;
        if self.lanes.values().any(waiting) {
            return None;
        }
        let heads = self
            .lanes
            .iter_mut()
            .filter(|(_, lane)| !lane.records.is_empty());
        let (shard, lane) = heads.min_by(|(_, one), (_, other)| {
            by_sequence(one.records.front(), other.records.front())
        })?;
        let record = lane.records.pop_front()?;
        lane.ask_for_more();
        Some((shard, record))
    }

    /// Takes a shard out that ended and is shown whole.
    pub(super) fn take_finished(&mut self) -> Option<String> {
        let finished = |lane: &Lane| lane.closed && lane.records.is_empty();
        let shard = self
            .lanes
            .iter()
            .find(|(_, lane)| finished(lane))?
            .0
            .clone();
        self.lanes.remove(&shard);
        Some(shard)
    }
}

impl Lane {
    fn ask_for_more(&mut self) {
        if self.records.is_empty()
            && let Some(shown) = self.shown.take()
        {
            // A reader that has ended needs no answer.
            let _ = shown.send(());
        }
    }
}

/// Compares decimal numbers of any length.
fn by_sequence(one: Option<&Value>, other: Option<&Value>) -> Ordering {
    let digits = |record: Option<&Value>| {
        let digits = record.and_then(sequence).unwrap_or_default();
        (digits.len(), digits.to_owned())
    };
    digits(one).cmp(&digits(other))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::sync::oneshot;

    use super::Merge;
    use crate::tail::shard::Page;

    fn offer(
        merge: &mut Merge,
        shard: &str,
        sequences: &[&str],
        closed: bool,
    ) -> oneshot::Receiver<()> {
        let records = sequences
            .iter()
            .map(|number| json!({"dynamodb": {"SequenceNumber": number}}));
        let (shown, was_shown) = oneshot::channel();
        merge.offer(Page {
            shard: shard.to_owned(),
            records: records.collect(),
            closed,
            shown,
        });
        was_shown
    }

    fn shown(merge: &mut Merge) -> Vec<String> {
        let mut shown = Vec::new();
        while let Some((shard, record)) = merge.next() {
            let number = record["dynamodb"]["SequenceNumber"]
                .as_str()
                .expect("a number");
            shown.push(format!("{shard}{number}"));
        }
        shown
    }

    #[test]
    fn old_records_come_in_order_and_new_ones_at_once() {
        let mut merge = Merge::default();
        merge.add("a");
        merge.add("b");
        let mut shown_a = offer(&mut merge, "a", &["8", "10"], false);
        assert!(shown(&mut merge).is_empty(), "b may have older ones");
        let _b = offer(&mut merge, "b", &["9", "11"], false);
        assert_eq!(shown(&mut merge), ["a8", "b9", "a10"]);
        assert!(shown_a.try_recv().is_ok(), "a is asked for more");
        let _a = offer(&mut merge, "a", &[], false);
        assert_eq!(shown(&mut merge), ["b11"]);
        let _b = offer(&mut merge, "b", &[], false);
        let _a = offer(&mut merge, "a", &["20"], false);
        assert_eq!(
            shown(&mut merge),
            ["a20"],
            "b has nothing and is not waited for"
        );
        let _b = offer(&mut merge, "b", &["12"], false);
        assert_eq!(shown(&mut merge), ["b12"]);
    }

    #[test]
    fn a_closed_shard_is_finished_when_it_is_shown() {
        let mut merge = Merge::default();
        merge.add("a");
        let _a = offer(&mut merge, "a", &["1"], true);
        assert_eq!(merge.take_finished(), None);
        assert_eq!(shown(&mut merge), ["a1"]);
        assert_eq!(merge.take_finished().as_deref(), Some("a"));
        assert!(merge.is_over());
    }
}
