//! Cycles in a graph whose edges say which transaction came before which, and why.

use std::collections::{BTreeMap, VecDeque};

/// Why one transaction came before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Because {
    /// The other appended behind what it had appended.
    Wrote,
    /// The other saw what it had appended.
    WasRead,
    /// It did not see what the other appended.
    Missed,
    /// It was answered before the other was called.
    Ended,
}

/// Who came before whom.
#[derive(Debug, Default)]
pub(super) struct Graph {
    edges: Vec<BTreeMap<usize, Because>>,
}

impl Graph {
    pub(super) fn new(nodes: usize) -> Self {
        Graph {
            edges: vec![BTreeMap::new(); nodes],
        }
    }

    /// Of several reasons the strongest is kept, which is the first of [`Because`].
    pub(super) fn add(&mut self, from: usize, to: usize, because: Because) {
        if from == to {
            return;
        }
        let edge = self.edges[from].entry(to).or_insert(because);
        *edge = (*edge).min(because);
    }

    pub(super) fn edges(&self) -> usize {
        self.edges.iter().map(BTreeMap::len).sum()
    }

    /// A shortest cycle with the weakest reasons left out as far as there is one without them: the nodes in their order,
    /// each with why it came before the next, the last before the first.
    pub(super) fn cycle(&self) -> Option<Vec<(usize, Because)>> {
        let reasons = [
            Because::Wrote,
            Because::WasRead,
            Because::Missed,
            Because::Ended,
        ];
        reasons.into_iter().find_map(|most| self.cycle_of(most))
    }

    /// One with no reasons weaker than `most`.
    fn cycle_of(&self, most: Because) -> Option<Vec<(usize, Because)>> {
        let left = self.without_sources(most);
        let nodes = left.iter().enumerate().filter(|(_, is_left)| **is_left);
        nodes
            .filter_map(|(node, _)| self.shortest_from(node, most, &left))
            .min_by_key(Vec::len)
    }

    /// The nodes that stay when those that nobody came before are taken away again and again: what is on cycles, and
    /// behind them.
    fn without_sources(&self, most: Because) -> Vec<bool> {
        let mut before = vec![0_usize; self.edges.len()];
        for (_, to) in self.strong(most) {
            before[to] += 1;
        }
        let mut left = vec![true; self.edges.len()];
        let mut sources: Vec<usize> = (0..before.len())
            .filter(|node| before[*node] == 0)
            .collect();
        while let Some(source) = sources.pop() {
            left[source] = false;
            for (to, _) in self.edges[source].iter().filter(|(_, why)| **why <= most) {
                before[*to] -= 1;
                if before[*to] == 0 {
                    sources.push(*to);
                }
            }
        }
        left
    }

    fn strong(&self, most: Because) -> impl Iterator<Item = (usize, usize)> {
        let nodes = self.edges.iter().enumerate();
        nodes.flat_map(move |(from, edges)| {
            let strong = edges.iter().filter(move |(_, why)| **why <= most);
            strong.map(move |(to, _)| (from, *to))
        })
    }

    /// The shortest way from a node back to it.
    fn shortest_from(
        &self,
        start: usize,
        most: Because,
        left: &[bool],
    ) -> Option<Vec<(usize, Because)>> {
        let mut came_from: BTreeMap<usize, (usize, Because)> = BTreeMap::new();
        let mut next = VecDeque::from([start]);
        while let Some(node) = next.pop_front() {
            for (to, why) in &self.edges[node] {
                if *why > most || !left[*to] || came_from.contains_key(to) {
                    continue;
                }
                came_from.insert(*to, (node, *why));
                if *to == start {
                    return Some(way_back(&came_from, start));
                }
                next.push_back(*to);
            }
        }
        None
    }
}

fn way_back(came_from: &BTreeMap<usize, (usize, Because)>, start: usize) -> Vec<(usize, Because)> {
    let mut way = Vec::new();
    let mut node = start;
    while let Some((from, why)) = came_from.get(&node) {
        way.push((*from, *why));
        node = *from;
        if node == start {
            break;
        }
    }
    way.reverse();
    way
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(usize, usize, Because)]) -> Graph {
        let mut graph = Graph::new(8);
        for (from, to, why) in edges {
            graph.add(*from, *to, *why);
        }
        graph
    }

    #[test]
    fn an_order_has_no_cycle() {
        let ordered = graph(&[
            (0, 1, Because::Wrote),
            (1, 2, Because::Missed),
            (0, 2, Because::Ended),
            (2, 5, Because::WasRead),
        ]);
        assert_eq!(ordered.cycle(), None);
        assert_eq!(ordered.edges(), 4);
    }

    #[test]
    fn the_shortest_cycle_of_the_strongest_reasons_is_found() {
        let mut edges = vec![
            (0, 1, Because::Ended),
            (1, 0, Because::Ended),
            (2, 3, Because::WasRead),
            (3, 4, Because::Wrote),
            (4, 5, Because::Wrote),
            (5, 2, Because::Missed),
            (4, 2, Because::Missed),
        ];
        let cycle = [
            (2, Because::WasRead),
            (3, Because::Wrote),
            (4, Because::Missed),
        ];
        assert_eq!(graph(&edges).cycle().as_deref(), Some(&cycle[..]));
        edges.truncate(3);
        assert_eq!(graph(&edges).cycle().map(|cycle| cycle.len()), Some(2));
        // One edge, for the stronger reason.
        edges.push((0, 1, Because::Wrote));
        let cycle = graph(&edges).cycle();
        assert!(cycle.is_some_and(|cycle| cycle.contains(&(0, Because::Wrote))));
    }
}
