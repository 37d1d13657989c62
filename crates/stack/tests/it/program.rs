use std::process::{Command, Output};

use crate::folder;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dossier-stack")).args(arguments).output().unwrap()
}

#[test]
fn help_names_every_command_and_variable() {
    let help = String::from_utf8(run(&["--help"]).stdout).unwrap();
    for word in ["up", "down", "status", "reset", "install", "DATABASE_ADMIN_URL", "S3_ENDPOINT", "MEILISEARCH_BIN"] {
        assert!(help.contains(word), "{word} is not in\n{help}");
    }
    let help = String::from_utf8(run(&["up", "--help"]).stdout).unwrap();
    for word in [
        "--detach",
        "--observe",
        "--json",
        "DOSSIER_HOME",
        "DOSSIER_PORT",
        "DOSSIER_OWNER_EMAIL",
        "DOSSIER_OWNER_PASSWORD",
    ] {
        assert!(help.contains(word), "{word} is not in\n{help}");
    }
}

#[test]
fn where_nothing_was_started_nothing_is_stopped_or_deleted() {
    let folder = folder();
    std::fs::write(folder.path().join("thesis.txt"), "mine").unwrap();
    let home = folder.path().to_str().unwrap();
    assert!(run(&["down", "--home", home]).status.success());
    assert!(!run(&["status", "--home", home]).status.success());
    assert!(run(&["reset", "--yes", "--home", home]).status.success());
    assert!(!run(&["up", "--home", home]).status.success());
    assert!(folder.path().join("thesis.txt").exists());
}
