//! The documents service; see the library.

fn main() -> std::process::ExitCode {
    chassis::run::<documents::App>()
}
