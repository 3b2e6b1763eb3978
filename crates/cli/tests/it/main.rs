//! The commands as people run them: the real program, its output and its exit status.

mod demo;
mod folder;
mod process;
mod tail;
