//! The prober; see the library.

fn main() -> std::process::ExitCode {
    chassis::run::<prober::App>()
}
