//! The launcher as an executable of its own, for tests and for programs that embed the runtimes.

use std::process::ExitCode;

fn main() -> ExitCode {
    headwater_triggers::functions::launch(std::env::args_os().skip(1))
}
