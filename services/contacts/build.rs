//! A migration that is added is not a change of the source; it must still be embedded.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
