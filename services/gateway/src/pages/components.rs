//! Markup that more than one page needs.

use maud::{Markup, html};

use crate::{problem::Problem, words::Words};

/// A problem shown within a page.
pub(super) fn notice(w: Words, problem: Option<&Problem>) -> Markup {
    html! {
        @if let Some(problem) = problem {
            p.notice role="alert" { (w.problem(problem)) }
        }
    }
}

/// What stands where nothing is yet, and what to do about it.
pub(super) fn empty(words: &str, todo: &Markup) -> Markup {
    html! { div.empty { p { (words) } (todo) } }
}

/// Views of one list: address, words, whether it is the one shown.
pub(super) fn tabs(label: &str, views: &[(String, &str, bool)]) -> Markup {
    html! {
        nav.tabs aria-label=(label) {
            @for (address, words, shown) in views {
                a href=(address) aria-current=[shown.then_some("page")] { (words) } " "
            }
        }
    }
}
