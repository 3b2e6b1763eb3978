//! Whether transactions over lists could have happened one after the other, each between its call and its answer.
//!
//! Every number is appended once, so a list that was read says in which order its numbers came, and every other reading of
//! it has to be a beginning of it. From there it follows who wrote behind whom, who saw whom, and who missed whom; with who
//! ended before whom began. If transactions have an order, these have no cycle. (The idea is that of Elle, by Kingsbury and
//! Alvaro.)

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use super::cycles::{Because, Graph};

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It happened, and was answered at this tick.
    Done(u64),
    /// It was answered that it did not happen.
    Refused,
    /// It was not answered.
    Lost,
}

/// What one transaction read and appended, each list at most once.
#[derive(Clone, Debug)]
pub(super) struct Transaction {
    /// A tick before it was sent.
    pub(super) begun: u64,
    pub(super) end: End,
    /// Lists as they were before what it appended.
    pub(super) reads: Vec<(String, Vec<u64>)>,
    pub(super) appends: Vec<(String, Vec<u64>)>,
}

/// What is wrong with a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Anomaly {
    /// A list held what nobody appended.
    FromNowhere(String),
    /// It held a number twice.
    Twice(String),
    /// It held what a refused transaction would have appended: a dirty read.
    Refused(String),
    /// It ended within what one transaction appended, and somebody saw that: an intermediate read.
    Intermediate(String),
    /// Two readings are in different orders.
    Orders(String),
    /// Transactions came before themselves.
    Cycle(Cycle),
}

/// Transactions each of which came before the next, and the last before the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cycle {
    pub(super) because: Vec<Because>,
    shown: String,
}

/// What was checked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Checked {
    /// Why one transaction came before another.
    pub(super) edges: usize,
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Anomaly::FromNowhere(what) => write!(f, "what nobody appended: {what}"),
            Anomaly::Twice(what) => write!(f, "appended twice: {what}"),
            Anomaly::Refused(what) => write!(f, "read what was refused: {what}"),
            Anomaly::Intermediate(what) => write!(f, "read a half of a change: {what}"),
            Anomaly::Orders(what) => write!(f, "read in two orders: {what}"),
            Anomaly::Cycle(cycle) => write!(f, "no order has these transactions:\n{}", cycle.shown),
        }
    }
}

/// Who appended a number: transaction, and whether it is the last of what that appended to the list.
type Writers<'a> = BTreeMap<(&'a str, u64), (usize, bool)>;

/// Checks a history.
///
/// # Errors
/// The first anomaly that is found.
pub(super) fn check(history: &[Transaction]) -> Result<Checked, Anomaly> {
    let writers = writers(history)?;
    let orders = orders(history)?;
    for (list, order) in &orders {
        check_order(history, &writers, list, order)?;
    }
    check_reads(history, &writers)?;
    let graph = graph(history, &writers, &orders);
    match graph.cycle() {
        None => Ok(Checked {
            edges: graph.edges(),
        }),
        Some(cycle) => Err(Anomaly::Cycle(Cycle {
            shown: show(history, &cycle),
            because: cycle.into_iter().map(|(_, why)| why).collect(),
        })),
    }
}

fn writers(history: &[Transaction]) -> Result<Writers<'_>, Anomaly> {
    let mut writers = BTreeMap::new();
    for (writer, transaction) in history.iter().enumerate() {
        for (list, numbers) in &transaction.appends {
            for (at, number) in numbers.iter().enumerate() {
                let is_last = at + 1 == numbers.len();
                let known = writers.insert((list.as_str(), *number), (writer, is_last));
                if known.is_some() {
                    return Err(Anomaly::Twice(format!(
                        "{number} to {list}, by the workload"
                    )));
                }
            }
        }
    }
    Ok(writers)
}

/// The longest reading of each list, of which all others are beginnings.
fn orders(history: &[Transaction]) -> Result<BTreeMap<&str, &[u64]>, Anomaly> {
    let mut orders: BTreeMap<&str, &[u64]> = BTreeMap::new();
    let reads = || history.iter().flat_map(|transaction| &transaction.reads);
    for (list, numbers) in reads() {
        let longest = orders.entry(list).or_default();
        if numbers.len() > longest.len() {
            *longest = numbers;
        }
    }
    for (list, numbers) in reads() {
        let longest = orders.get(list.as_str()).copied().unwrap_or_default();
        if !longest.starts_with(numbers) {
            return Err(Anomaly::Orders(format!(
                "{list} as {numbers:?} and as {longest:?}"
            )));
        }
    }
    Ok(orders)
}

/// The numbers of a list come from transactions that may have happened, each once, those of one beside each other.
fn check_order(
    history: &[Transaction],
    writers: &Writers<'_>,
    list: &str,
    order: &[u64],
) -> Result<(), Anomaly> {
    let mut seen = BTreeSet::new();
    let mut within = None;
    for number in order {
        if !seen.insert(number) {
            return Err(Anomaly::Twice(format!("{number} to {list}")));
        }
        let Some((writer, is_last)) = writers.get(&(list, *number)) else {
            return Err(Anomaly::FromNowhere(format!("{number} in {list}")));
        };
        if history[*writer].end == End::Refused {
            return Err(Anomaly::Refused(format!("{number} in {list}")));
        }
        if within.is_some_and(|within| within != *writer) {
            return Err(Anomaly::Intermediate(format!(
                "{number} in {list} is between"
            )));
        }
        within = (!is_last).then_some(*writer);
    }
    Ok(())
}

/// No reading ends within what one transaction appended.
fn check_reads(history: &[Transaction], writers: &Writers<'_>) -> Result<(), Anomaly> {
    for (list, numbers) in history.iter().flat_map(|transaction| &transaction.reads) {
        let last = numbers.last();
        let writer = last.and_then(|last| writers.get(&(list.as_str(), *last)));
        if writer.is_some_and(|(_, is_last)| !is_last) {
            return Err(Anomaly::Intermediate(format!("{list} as {numbers:?}")));
        }
    }
    Ok(())
}

fn graph(history: &[Transaction], writers: &Writers<'_>, orders: &BTreeMap<&str, &[u64]>) -> Graph {
    let mut graph = Graph::new(history.len());
    let writer =
        |list: &str, number: &u64| writers.get(&(list, *number)).map(|(writer, _)| *writer);
    for (list, order) in orders {
        for pair in order.windows(2) {
            if let (Some(one), Some(next)) = (writer(list, &pair[0]), writer(list, &pair[1])) {
                graph.add(one, next, Because::Wrote);
            }
        }
    }
    let unread = unread(history, orders);
    for (reader, transaction) in history.iter().enumerate() {
        for (list, numbers) in &transaction.reads {
            let order = orders.get(list.as_str()).copied().unwrap_or_default();
            if let Some(seen) = numbers.last().and_then(|last| writer(list, last)) {
                graph.add(seen, reader, Because::WasRead);
            }
            match order.get(numbers.len()) {
                Some(missed) => {
                    if let Some(missed) = writer(list, missed) {
                        graph.add(reader, missed, Because::Missed);
                    }
                }
                // Whoever is in no reading came behind the longest one.
                None => {
                    for missed in unread.get(list.as_str()).into_iter().flatten() {
                        graph.add(reader, *missed, Because::Missed);
                    }
                }
            }
        }
    }
    add_ends(history, &mut graph);
    graph
}

/// By list, the transactions that happened and that no reading of it shows.
fn unread<'a>(
    history: &'a [Transaction],
    orders: &BTreeMap<&str, &[u64]>,
) -> BTreeMap<&'a str, Vec<usize>> {
    let read: BTreeSet<(&str, u64)> = orders
        .iter()
        .flat_map(|(list, order)| order.iter().map(|number| (*list, *number)))
        .collect();
    // One whose answer was lost happened if any of its numbers is there: then all have to be.
    let happened = |transaction: &Transaction| match transaction.end {
        End::Done(_) => true,
        End::Refused => false,
        End::Lost => transaction.appends.iter().any(|(list, numbers)| {
            let mut numbers = numbers.iter();
            numbers.any(|number| read.contains(&(list.as_str(), *number)))
        }),
    };
    let mut unread: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (writer, transaction) in history.iter().enumerate() {
        if !happened(transaction) {
            continue;
        }
        for (list, numbers) in &transaction.appends {
            if numbers
                .iter()
                .any(|number| !read.contains(&(list.as_str(), *number)))
            {
                unread.entry(list).or_default().push(writer);
            }
        }
    }
    unread
}

/// Who ended before whom began; what follows from two others is left out.
fn add_ends(history: &[Transaction], graph: &mut Graph) {
    let mut events: Vec<(u64, usize, bool)> = Vec::new();
    for (one, transaction) in history.iter().enumerate() {
        if transaction.end == End::Refused {
            continue;
        }
        events.push((transaction.begun, one, false));
        if let End::Done(ended) = transaction.end {
            events.push((ended, one, true));
        }
    }
    events.sort_unstable();
    // Those that ended, without those that ended before another of them began.
    let mut ended: BTreeSet<usize> = BTreeSet::new();
    let mut before: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (_, one, ends) in events {
        if ends {
            for earlier in before.remove(&one).unwrap_or_default() {
                ended.remove(&earlier);
            }
            ended.insert(one);
        } else {
            for earlier in &ended {
                graph.add(*earlier, one, Because::Ended);
            }
            before.insert(one, ended.clone());
        }
    }
}

fn show(history: &[Transaction], cycle: &[(usize, Because)]) -> String {
    let mut out = String::new();
    for (one, why) in cycle {
        let transaction = &history[*one];
        let why = match why {
            Because::Wrote => "which came before the next, that appended behind it",
            Because::WasRead => "which came before the next, that saw it",
            Because::Missed => "which came before the next, that it did not see",
            Because::Ended => "which was answered before the next was called",
        };
        // Writing to a string does not fail.
        let _ = writeln!(
            out,
            "  {} {:?}: read {:?}, appended {:?}, {why}",
            transaction.begun, transaction.end, transaction.reads, transaction.appends
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    type Lists<'a> = &'a [(&'a str, &'a [u64])];

    fn owned(lists: Lists<'_>) -> Vec<(String, Vec<u64>)> {
        let lists = lists.iter();
        lists
            .map(|(list, numbers)| ((*list).to_owned(), numbers.to_vec()))
            .collect()
    }

    /// From tick to tick.
    fn done(begun: u64, ended: u64, reads: Lists<'_>, appends: Lists<'_>) -> Transaction {
        Transaction {
            begun,
            end: End::Done(ended),
            reads: owned(reads),
            appends: owned(appends),
        }
    }

    /// Beside all others.
    fn beside(reads: Lists<'_>, appends: Lists<'_>) -> Transaction {
        done(0, 1_000, reads, appends)
    }

    fn ended(end: End, appends: Lists<'_>) -> Transaction {
        Transaction {
            end,
            ..beside(&[], appends)
        }
    }

    fn cycle(history: &[Transaction]) -> Vec<Because> {
        match check(history) {
            Err(Anomaly::Cycle(mut cycle)) => {
                cycle.because.sort_unstable();
                cycle.because
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_has_an_order_is_taken() {
        let history = [
            done(0, 3, &[], &[("x", &[1]), ("y", &[2])]),
            // Beside the first.
            done(1, 4, &[("x", &[]), ("y", &[])], &[]),
            done(2, 5, &[("x", &[1])], &[("x", &[3])]),
            ended(End::Refused, &[("x", &[4])]),
            ended(End::Lost, &[("x", &[5, 6]), ("y", &[7])]),
            ended(End::Lost, &[("y", &[8])]),
            done(6, 7, &[("x", &[1, 3, 5, 6]), ("y", &[2, 7])], &[]),
        ];
        assert!(check(&history).unwrap().edges >= 6);
    }

    #[test]
    fn a_lost_update_is_a_cycle() {
        // Both saw 1 alone and appended.
        let history = [
            beside(&[], &[("x", &[1])]),
            beside(&[("x", &[1])], &[("x", &[2])]),
            beside(&[("x", &[1])], &[("x", &[3])]),
            beside(&[("x", &[1, 2, 3])], &[]),
        ];
        assert_eq!(cycle(&history), [Because::Wrote, Because::Missed]);
        // It was acknowledged, and is not there.
        let history = [
            done(0, 1, &[], &[("x", &[1])]),
            done(2, 3, &[], &[("x", &[2])]),
            done(4, 5, &[("x", &[1])], &[]),
        ];
        assert_eq!(cycle(&history), [Because::Missed, Because::Ended]);
    }

    #[test]
    fn a_stale_read_is_a_cycle() {
        let history = [
            done(0, 1, &[], &[("x", &[1])]),
            done(2, 3, &[("x", &[])], &[]),
            done(4, 5, &[("x", &[1])], &[]),
        ];
        assert_eq!(cycle(&history), [Because::Missed, Because::Ended]);
        // Seen once, it may not be missed again.
        let history = [
            beside(&[], &[("x", &[1])]),
            done(2, 3, &[("x", &[1])], &[]),
            done(4, 5, &[("x", &[])], &[]),
        ];
        let expected = [Because::WasRead, Because::Missed, Because::Ended];
        assert_eq!(cycle(&history), expected);
    }

    #[test]
    fn write_skew_is_a_cycle() {
        let history = [
            beside(&[("x", &[]), ("y", &[])], &[("x", &[1])]),
            beside(&[("x", &[]), ("y", &[])], &[("y", &[2])]),
            beside(&[("x", &[1]), ("y", &[2])], &[]),
        ];
        assert_eq!(cycle(&history), [Because::Missed, Because::Missed]);
    }

    #[test]
    fn half_a_transaction_is_a_cycle() {
        let history = [
            beside(&[], &[("x", &[1]), ("y", &[1])]),
            beside(&[("x", &[1]), ("y", &[])], &[]),
            beside(&[("x", &[1]), ("y", &[1])], &[]),
        ];
        assert_eq!(cycle(&history), [Because::WasRead, Because::Missed]);
        // The other half never comes, and nobody was told that it would.
        let history = [
            ended(End::Lost, &[("x", &[1]), ("y", &[1])]),
            beside(&[("x", &[1]), ("y", &[])], &[]),
        ];
        assert_eq!(cycle(&history), [Because::WasRead, Because::Missed]);
    }

    #[test]
    fn transactions_that_saw_each_other_are_a_cycle() {
        let history = [
            beside(&[("x", &[1])], &[("y", &[2])]),
            beside(&[("y", &[2])], &[("x", &[1])]),
        ];
        assert_eq!(cycle(&history), [Because::WasRead, Because::WasRead]);
        // And those that wrote behind each other.
        let history = [
            beside(&[], &[("x", &[1]), ("y", &[1])]),
            beside(&[], &[("x", &[2]), ("y", &[2])]),
            beside(&[("x", &[1, 2]), ("y", &[2, 1])], &[]),
        ];
        assert_eq!(cycle(&history), [Because::Wrote, Because::Wrote]);
    }

    #[test]
    fn what_must_not_be_in_a_list_is_named() {
        let one = beside(&[], &[("x", &[1, 2])]);
        let other = beside(&[], &[("x", &[3])]);
        let refused = ended(End::Refused, &[("x", &[4])]);
        let with = |reads: &[&[u64]]| {
            let mut history = vec![one.clone(), other.clone(), refused.clone()];
            history.extend(reads.iter().map(|numbers| beside(&[("x", numbers)], &[])));
            check(&history)
        };
        assert!(with(&[&[1, 2, 3]]).is_ok());
        assert!(matches!(with(&[&[9]]), Err(Anomaly::FromNowhere(_))));
        assert!(matches!(with(&[&[3, 3]]), Err(Anomaly::Twice(_))));
        assert!(matches!(with(&[&[4]]), Err(Anomaly::Refused(_))));
        assert!(matches!(with(&[&[1]]), Err(Anomaly::Intermediate(_))));
        assert!(matches!(with(&[&[1, 3, 2]]), Err(Anomaly::Intermediate(_))));
        let orders = with(&[&[1, 2, 3], &[3]]);
        assert!(matches!(orders, Err(Anomaly::Orders(_))));
    }
}
