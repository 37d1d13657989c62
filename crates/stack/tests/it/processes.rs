use std::{path::Path, time::Duration};

use stack::process::{Process, Program};

use crate::folder;

fn shell(folder: &Path, script: &str) -> Process {
    let log = folder.join("log");
    Process::new(Program {
        arguments: ["-c", script].map(Into::into).into(),
        ..Program::new("shell", "/bin/sh".into(), log)
    })
}

#[tokio::test]
async fn a_process_can_be_killed_and_started_again() {
    let folder = folder();
    let process = shell(folder.path(), "echo started; exec sleep 600");
    assert!(process.pid().is_none());
    process.start().unwrap();
    let first = process.pid().unwrap();
    process.start().unwrap();
    assert_eq!(process.pid(), Some(first));
    process.kill9().await;
    assert!(process.pid().is_none());
    process.start().unwrap();
    assert_ne!(process.pid().unwrap(), first);
    let status = process.stop(Duration::from_secs(10)).await.unwrap();
    assert!(!status.success());
}

#[tokio::test]
async fn what_does_not_stop_in_time_is_killed() {
    let folder = folder();
    let process = shell(folder.path(), "trap '' TERM; echo ready; while true; do read line < /dev/zero; done");
    process.start().unwrap();
    while process.log_tail() != "ready" {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let status = process.stop(Duration::from_millis(50)).await.unwrap();
    assert!(status.to_string().contains("signal: 9"), "{status}");
}

#[tokio::test]
async fn a_program_that_is_missing_ends_with_a_reason_in_its_log() {
    let folder = folder();
    let process = Process::new(Program::new("none", "/no/such/program".into(), folder.path().join("log")));
    process.start().unwrap();
    assert!(!process.ended().await.unwrap().success());
    assert!(process.log_tail().contains("/no/such/program"));
}
