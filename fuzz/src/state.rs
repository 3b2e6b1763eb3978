//! Parts of the state's file.

use headwater_state::testing::read_as_parts;

/// Bytes behind their first, which says how many of those that follow are a key that is looked for.
pub(crate) fn parts(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let (key, part) = rest.split_at(usize::from(*first).min(rest.len()));
    read_as_parts(part, key);
}
