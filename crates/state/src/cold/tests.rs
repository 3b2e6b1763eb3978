//! Reads of a file whose pages were pushed out of memory, as far as the system does that.

use super::*;
use std::io::Write;
use std::sync::atomic::AtomicUsize;

/// More than is read at once.
const BYTES: usize = 64 << 10;

fn file() -> (File, Vec<u8>) {
    let content: Vec<u8> = (0..BYTES).map(|at| (at / 7 % 251) as u8).collect();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&content).unwrap();
    file.sync_all().unwrap();
    (file, content)
}

fn counting() -> (Reads, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let cold = ColdReads::new(move |read| {
        counted.fetch_add(1, Ordering::Relaxed);
        read();
    });
    (Reads::new(Some(cold)), count)
}

#[test]
fn what_is_not_in_memory_is_read_by_what_was_given_and_the_rest_without() {
    let (file, content) = file();
    let (reads, count) = counting();
    // The system may keep it in memory nevertheless; then nothing is cold.
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
    let mut out = vec![0; 8192];
    reads.read_exact(&file, &mut out, 4096).unwrap();
    assert_eq!(out, content[4096..4096 + 8192]);
    let cold = count.load(Ordering::Relaxed);
    assert!(cold <= 1);
    reads.read_exact(&file, &mut out, 4096).unwrap();
    assert_eq!(out, content[4096..4096 + 8192]);
    assert_eq!(count.load(Ordering::Relaxed), cold, "it is in memory now");
}

#[test]
fn a_read_that_is_not_run_is_an_error_and_no_page() {
    let (file, _) = file();
    let reads = Reads::new(Some(ColdReads::new(|_| {})));
    let mut out = vec![0; 8192];
    // Its end is not in the file, so that it is never warm.
    let read = reads.read_exact(&file, &mut out, BYTES as u64 - 100);
    assert!(read.is_err());
}

#[test]
fn reading_beyond_the_end_is_the_same_error_either_way() {
    let (file, _) = file();
    let mut out = vec![0; 8192];
    for reads in [counting().0, Reads::default()] {
        let error = reads.read_exact(&file, &mut out, BYTES as u64 - 100);
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
