//! The indexer; see the library.

fn main() -> std::process::ExitCode {
    chassis::run::<indexer::App>()
}
