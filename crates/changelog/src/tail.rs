//! The newest blocks, decoded, for readers at the end of the log: they touch no file.

use std::collections::VecDeque;
use std::sync::Arc;

use headwater_model::Sequence;
use parking_lot::RwLock;

use crate::block::DecodedBlock;

pub(crate) struct TailCache {
    state: RwLock<State>,
    bytes_max: usize,
}

struct State {
    blocks: VecDeque<Arc<DecodedBlock>>,
    bytes: usize,
    /// Every block after this sequence is here.
    complete_after: Sequence,
}

/// What the tail knows about a shard from a position on.
pub(crate) enum TailAnswer {
    /// The position lies before what is kept.
    TooOld,
    /// The first block that holds a record.
    Block(Arc<DecodedBlock>),
    /// No block holds one.
    Nothing,
}

impl TailCache {
    pub(crate) fn new(bytes_max: usize, complete_after: Sequence) -> Self {
        let state = State {
            blocks: VecDeque::new(),
            bytes: 0,
            complete_after,
        };
        Self {
            state: RwLock::new(state),
            bytes_max,
        }
    }

    pub(crate) fn push(&self, blocks: &[Arc<DecodedBlock>]) {
        let mut state = self.state.write();
        for block in blocks {
            state.bytes += block.weight_bytes();
            state.blocks.push_back(block.clone());
        }
        while state.bytes > self.bytes_max {
            let Some(oldest) = state.blocks.pop_front() else {
                break;
            };
            state.bytes -= oldest.weight_bytes();
            state.complete_after = oldest.last;
        }
    }

    pub(crate) fn find(&self, shard: u32, from: Sequence) -> TailAnswer {
        let state = self.state.read();
        if from <= state.complete_after {
            return TailAnswer::TooOld;
        }
        let start = state.blocks.partition_point(|block| block.last < from);
        let found = state
            .blocks
            .range(start..)
            .find(|block| !block.shard_records(shard, from).is_empty());
        found.map_or(TailAnswer::Nothing, |block| {
            TailAnswer::Block(block.clone())
        })
    }

    pub(crate) fn bytes(&self) -> usize {
        self.state.read().bytes
    }
}
