//! Time zones that people may choose.

use std::sync::LazyLock;

use jiff::tz::{self, TimeZone};

/// What no one lives in: old names that are kept for programs, and offsets.
const UNUSED: [&str; 9] = ["Etc", "US", "Canada", "Brazil", "Chile", "Mexico", "SystemV", "posix", "right"];

/// By name, in order.
static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let known = tz::db().available().map(|name| name.to_string());
    let mut names: Vec<String> = known.filter(|name| used(name)).collect();
    names.sort_unstable();
    names.dedup();
    names
});

fn used(name: &str) -> bool {
    name.split_once('/').is_some_and(|(area, _)| !UNUSED.contains(&area))
}

/// A time zone of the IANA database.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub(crate) struct Zone(&'static str);

impl Zone {
    /// All that may be chosen, by name; none on a machine without that database.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        NAMES.iter().map(|name| Self(name))
    }

    /// The zone of this name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        let at = NAMES.binary_search_by(|known| known.as_str().cmp(name)).ok()?;
        NAMES.get(at).map(|name| Self(name))
    }

    /// As the database has it.
    pub(crate) fn name(self) -> &'static str {
        self.0
    }

    /// Its rules; those of UTC should the database have gone away meanwhile.
    pub(crate) fn rules(self) -> TimeZone {
        tz::db().get(self.0).unwrap_or(TimeZone::UTC)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_zones_and_leftovers_of_the_database_are_not() {
        for good in ["Europe/Berlin", "America/Argentina/Ushuaia"] {
            assert_eq!(Zone::of(good).map(Zone::name), Some(good));
        }
        for bad in ["", "Europe", "Europe/Atlantis", "europe/berlin", "Etc/GMT+1", "US/Pacific", "../etc/passwd"] {
            assert_eq!(Zone::of(bad), None, "{bad}");
        }
        assert!(Zone::all().count() > 300);
    }
}
