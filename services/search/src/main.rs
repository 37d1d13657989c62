//! The search service; see the library.

fn main() -> std::process::ExitCode {
    chassis::run::<search::App>()
}
