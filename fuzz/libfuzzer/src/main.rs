//! Runs the target that `HEADWATER_FUZZ_TARGET` names under libFuzzer.

#![no_main]

use std::sync::OnceLock;

use headwater_fuzz::Target;

static TARGET: OnceLock<Target> = OnceLock::new();

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let target = TARGET.get_or_init(|| {
        let name = std::env::var("HEADWATER_FUZZ_TARGET").unwrap_or_default();
        Target::find(&name).expect("HEADWATER_FUZZ_TARGET names a target")
    });
    (target.run)(data);
});
