//! The encrypting backend against plain bytes: runs of any place and length, as no store writes them.

use std::sync::Arc;

use headwater_cipher::DataKey;
use headwater_state::EncryptedBackend;
use proptest::prelude::*;
use redb::StorageBackend;
use redb::backends::InMemoryBackend;

/// A few sectors, and one that is not whole.
const FILE_BYTES: usize = 3 * 4096 + 1008;

fn backend() -> EncryptedBackend<InMemoryBackend> {
    let cipher = Arc::new(DataKey::new([9; 32]).state());
    let backend = EncryptedBackend::new(InMemoryBackend::new(), cipher);
    backend.set_len(FILE_BYTES as u64).unwrap();
    backend.write(0, &[0; FILE_BYTES]).unwrap();
    backend
}

/// Where a run begins and how long it is; often at the edges of units and sectors.
fn run() -> impl Strategy<Value = (usize, usize)> {
    let place = prop_oneof![
        0..FILE_BYTES,
        (0..FILE_BYTES / 16).prop_map(|unit| unit * 16),
        (0..FILE_BYTES / 4096).prop_map(|sector| sector * 4096),
    ];
    let length = prop_oneof![0..40usize, 0..FILE_BYTES, Just(16), Just(4096)];
    (place, length).prop_map(|(at, length)| (at, length.min(FILE_BYTES - at)))
}

proptest! {
    #[test]
    fn any_run_reads_as_it_was_written(runs in proptest::collection::vec((run(), run(), any::<u8>()), 1..40)) {
        let backend = backend();
        let mut model = vec![0; FILE_BYTES];
        for ((at, length), (from, count), byte) in runs {
            let bytes: Vec<u8> = (0..length).map(|index| byte.wrapping_add(index as u8)).collect();
            backend.write(at as u64, &bytes).unwrap();
            model[at..at + length].copy_from_slice(&bytes);
            let mut read = vec![0xaa; count];
            backend.read(from as u64, &mut read).unwrap();
            prop_assert_eq!(&read, &model[from..from + count]);
            prop_assert_eq!(backend.len().unwrap(), FILE_BYTES as u64);
        }
        let mut whole = vec![0; FILE_BYTES];
        backend.read(0, &mut whole).unwrap();
        prop_assert_eq!(whole, model);
    }
}
