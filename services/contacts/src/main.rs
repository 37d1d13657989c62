//! The contacts service; see the library.

fn main() -> std::process::ExitCode {
    chassis::run::<contacts::App>()
}
