//! Who did what.

use std::collections::HashMap;

use chassis::Role;
use maud::html;
use pg::PageRequest;
use uuid::Uuid;

use super::{Outcome, Page, SHOWN, frame};
use crate::{call::Call, pages::escaped, routes::administration::filter};

const HERE: &str = "/settings/audit";
const PAGE: i32 = 50;

pub(super) async fn list(call: Call) -> Page {
    call.require(Role::Owner)?;
    let mut query = call.query()?;
    let cursor = query.value("cursor");
    // A form sends what is left empty, too.
    let said: Vec<(&str, String)> = ["actor", "subject", "action", "from", "to"]
        .map(|name| (name, query.text(name)))
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect();
    query.done()?;
    let again: String = said.iter().map(|(name, value)| format!("&{name}={}", escaped(value))).collect();
    let wanted = filter(&mut crate::query::Query::parse(again.trim_start_matches('&'))?)?;
    let (w, store) = (call.words(), &call.state.shared.store);
    let (entries, next) = store.list_audit(&wanted, &PageRequest::parse(&cursor, PAGE)?).await?;
    let (users, _) = store.list_users(&PageRequest::parse("", SHOWN)?).await?;
    let known: HashMap<Uuid, &str> = users.iter().map(|user| (user.id, user.email.as_str())).collect();
    let value = |name: &str| said.iter().find(|(n, _)| *n == name).map_or("", |(_, value)| value.as_str());
    let content = html! {
        section aria-labelledby="audit" {
            h2 #audit { (w.settings_audit()) }
            form.inline action=(HERE) method="get" {
                label { (w.who()) " "
                    select name="actor" {
                        option value="" { (w.everybody()) }
                        @for user in &users { option value=(user.id) selected[user.id.to_string() == value("actor")] { (user.email) } }
                    }
                }
                label { (w.what()) " " input name="action" value=(value("action")) placeholder="session." maxlength="200"; }
                label { (w.from()) " " input type="date" name="from" value=(value("from")); }
                label { (w.to()) " " input type="date" name="to" value=(value("to")); }
                button type="submit" { (w.show()) }
            }
            @if entries.is_empty() { p.quiet { (w.none()) } }
            @else {
                table.stack {
                    thead { tr { th { (w.when()) } th { (w.who()) } th { (w.what()) } th { (w.on_what()) } th { (w.details()) } } }
                    tbody {
                        @for entry in &entries {
                            tr {
                                td { (w.time(entry.at.as_microsecond())) }
                                td data-label=(w.who()) {
                                    @match entry.actor { Some(id) => (known.get(&id).copied().unwrap_or(w.somebody_gone())), None => (w.the_system()) }
                                }
                                td.event data-label=(w.what()) { code { (entry.action) } }
                                td data-label=(w.on_what()) {
                                    @if let Some(id) = entry.subject {
                                        @match known.get(&id) { Some(email) => (email), None => code { (id) } }
                                    }
                                }
                                td data-label=(w.details()) {
                                    @if entry.detail.as_object().is_some_and(|detail| !detail.is_empty()) { code { (entry.detail) } }
                                }
                            }
                        }
                    }
                }
            }
            @if !next.is_empty() { p.more { a href={ (HERE) "?cursor=" (next) (again) } { (w.more()) } } }
        }
    };
    Ok(frame(&call, HERE, &Outcome::default(), &content))
}
