//! Builds the room anew when the console's files change: those that are added too.

fn main() {
    println!("cargo::rerun-if-changed=../../console/dist");
}
