//! When the last backup ran, and whether it could be restored: what the backup writes down of itself for
//! the metrics, read where the gateway can see it.

use std::{collections::HashMap, path::Path};

use chassis::Role;
use jiff::Timestamp;
use maud::{Markup, html};

use super::{Outcome, Page, frame};
use crate::{call::Call, pages::bundle, words::Words};

/// More than any of these files has.
const LARGEST: u64 = 1 << 20;
/// Hours after which a nightly backup is late.
const LATE: i64 = 26;

/// By the metric's name; empty when nothing can be known.
type Measured = HashMap<String, f64>;

pub(super) async fn state(call: Call) -> Page {
    call.require(Role::Owner)?;
    call.query()?.done()?;
    let w = call.words();
    let measured = match call.state.shared.backups.as_deref() {
        Some(folder) => read(folder).await,
        None => Measured::new(),
    };
    let content = html! {
        section aria-labelledby="backups" {
            h2 #backups { (w.settings_backups()) }
            (told(w, &measured))
        }
        @if let Some(everything) = bundle::section(&call) { (everything) }
    };
    Ok(frame(&call, "/settings/backups", &Outcome::default(), &content))
}

fn told(w: Words, measured: &Measured) -> Markup {
    let get = |name: &str| measured.get(name).copied();
    let last = get("dossier_backup_last_success_timestamp_seconds");
    let (tried, fine) = (get("dossier_restore_check_timestamp_seconds"), get("dossier_restore_check_success"));
    html! {
        @match last {
            None => { p.notice { (w.backup_unknown()) } p.quiet { (w.backup_how()) } }
            Some(last) => {
                p {
                    @if late(last) { span.badge.bad { (w.backup_late()) } } @else { span.badge.good { (w.backup_fine()) } }
                    " " (w.backup_last()) " " (moment(w, last))
                }
                @if let (Some(rows), Some(objects)) = (get("dossier_backup_rows"), get("dossier_backup_objects")) {
                    p { (w.backup_holds(w.number(rows as i64), w.number(objects as i64))) }
                }
            }
        }
        @match (tried, fine) {
            (Some(tried), Some(fine)) => {
                p {
                    @if fine > 0.0 { span.badge.good { (w.restore_worked()) } } @else { span.badge.bad { (w.restore_failed()) } }
                    " " (w.restore_tried()) " " (moment(w, tried))
                }
            }
            _ => { @if last.is_some() { p.quiet { (w.restore_never_tried()) } } }
        }
    }
}

fn late(last: f64) -> bool {
    Timestamp::now().as_second() - last as i64 > LATE * 3600
}

fn moment(w: Words, seconds: f64) -> Markup {
    w.time((seconds * 1e6) as i64)
}

/// What stands in the `.prom` files of a folder, without labels.
async fn read(folder: &Path) -> Measured {
    let mut measured = Measured::new();
    let Ok(mut entries) = tokio::fs::read_dir(folder).await else { return measured };
    while let Ok(Some(entry)) = entries.next_entry().await {
        let path = entry.path();
        let small = entry.metadata().await.is_ok_and(|found| found.is_file() && found.len() < LARGEST);
        if small
            && path.extension().is_some_and(|extension| extension == "prom")
            && let Ok(text) = tokio::fs::read_to_string(&path).await
        {
            measured.extend(lines(&text));
        }
    }
    measured
}

fn lines(text: &str) -> impl Iterator<Item = (String, f64)> {
    let values = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.trim().split_once(' '));
    values.filter_map(|(name, value)| Some((name.to_owned(), value.trim().parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_backup_wrote_down_is_read() {
        let text = "# HELP a b\n# TYPE a gauge\ndossier_backup_rows 120\nother{x=\"y\"} 1\nbroken\n";
        let measured: Measured = lines(text).collect();
        assert_eq!(measured.get("dossier_backup_rows"), Some(&120.0));
        let w = Words::default();
        assert!(told(w, &Measured::new()).into_string().contains(w.backup_unknown()));
        let old = Measured::from([("dossier_backup_last_success_timestamp_seconds".to_owned(), 1e9)]);
        assert!(told(w, &old).into_string().contains(w.backup_late()));
    }
}
