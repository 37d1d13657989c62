//! The program `dossier-gateway`.

use std::process::ExitCode;

fn main() -> ExitCode {
    chassis::run::<gateway::App>()
}
