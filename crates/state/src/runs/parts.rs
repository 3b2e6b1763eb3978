//! Any bytes read as the parts of a file: what a fuzz target calls.

use super::block::Block;
use super::head::Head;
use super::root::Root;
use super::section::Section;
use bytes::Bytes;

/// Reads bytes as each part of a file, as if they had the checksum that is asked for, and looks for a key in it. Gives how
/// many kinds of parts they can be.
pub(crate) fn read_as_parts(bytes: &[u8], key: &[u8]) -> usize {
    let content = Bytes::copy_from_slice(bytes);
    let mut parts = 0;
    if let Some(block) = Block::new(content.clone()) {
        parts += 1;
        read_block(&block, key);
    }
    if let Some(section) = Section::new(content) {
        parts += 1;
        let _found = section.search(key);
        for index in 0..section.count().min(1 << 10) {
            let _told = (section.separator(index), section.place(index));
        }
    }
    if let Some(mut root) = Root::decode(bytes) {
        parts += 1;
        assert!(root.search(key) < root.sections());
        root.index();
        let _span = root.may_span(key);
    }
    parts + usize::from(Head::of_content(bytes).is_some())
}

fn read_block(block: &Block, key: &[u8]) {
    if let Some((at, is_there)) = block.search(key) {
        assert!(at <= block.count());
        if is_there {
            assert!(block.entry(at).is_some_and(|entry| entry.key(block) == key));
        }
    }
    for index in 0..block.count().min(1 << 10) {
        if let Some(entry) = block.entry(index) {
            let _told = (entry.key(block), entry.value(block));
        }
    }
}
