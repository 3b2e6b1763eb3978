//! A bounded run of each target. Inputs are told before they run, so that a panic names its input.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use headwater_fuzz::{TARGETS, Target};

use crate::mutate::Mutator;

/// Mutated inputs of each target.
const MUTATIONS: usize = 4_000;
const SEED: u64 = 1;

fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let folder = folder.join(target.name);
    let entries = std::fs::read_dir(&folder).expect("every target has a corpus");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    let inputs: Vec<_> = files
        .iter()
        .map(|file| std::fs::read(file).expect("a file"))
        .collect();
    assert!(!inputs.is_empty(), "{} has inputs", folder.display());
    inputs
}

fn run(target: &Target, input: &[u8]) {
    let ended = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    assert!(
        ended.is_ok(),
        "{} fails on {:?}",
        target.name,
        input.escape_ascii().to_string()
    );
}

#[test]
fn every_target_holds_on_its_corpus_and_mutations_of_it() {
    std::thread::scope(|scope| {
        let runs: Vec<_> = TARGETS
            .iter()
            .map(|target| scope.spawn(move || exercise(target)))
            .collect();
        for run in runs {
            run.join().expect("no target fails");
        }
    });
}

fn exercise(target: &Target) {
    let corpus = corpus(target);
    corpus.iter().for_each(|input| run(target, input));
    let mutator = Mutator::new(SEED);
    for _ in 0..MUTATIONS {
        run(target, &mutator.input(&corpus, target.input_bytes_max));
    }
}
