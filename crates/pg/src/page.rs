use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chassis::Fault;
use uuid::Uuid;

/// Items in a page when the caller does not say.
const DEFAULT_LIMIT: i64 = 50;
/// Items in a page at most.
const MAX_LIMIT: i64 = 200;

/// Where a page of a list starts and how long it is. Keyset paging: rows that are added or removed
/// meanwhile neither repeat nor hide others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// The sort column's value as text, and the id, of the last row of the page before.
    pub after: Option<(String, Uuid)>,
    /// 1 to 200.
    pub limit: i64,
}

impl PageRequest {
    /// `limit` 0 is the default.
    ///
    /// # Errors
    /// When the cursor is not one of ours, or the limit out of range.
    pub fn parse(cursor: &str, limit: i32) -> Result<Self, Fault> {
        let limit = match i64::from(limit) {
            0 => DEFAULT_LIMIT,
            limit @ 1..=MAX_LIMIT => limit,
            _ => return Err(Fault::field("limit", format!("must be between 1 and {MAX_LIMIT}"))),
        };
        let after = match cursor {
            "" => None,
            cursor => {
                Some(decode(cursor).ok_or_else(|| Fault::unprocessable("cursor", "is not a cursor of this list"))?)
            }
        };
        Ok(Self { after, limit })
    }

    /// One more than the limit, to see whether there is a next page.
    pub fn fetch(&self) -> i64 {
        self.limit + 1
    }

    /// The cursor of the page that begins after the row with this key.
    pub fn cursor(key: &(String, Uuid)) -> String {
        encode(key)
    }

    /// The items of this page and the cursor of the next one ("" when there is none), from the
    /// rows that were fetched.
    pub fn split<T>(&self, mut rows: Vec<T>, key: impl Fn(&T) -> (String, Uuid)) -> (Vec<T>, String) {
        if rows.len() as i64 <= self.limit {
            return (rows, String::new());
        }
        rows.truncate(usize::try_from(self.limit).unwrap_or(usize::MAX));
        let next = rows.last().map(|row| encode(&key(row))).unwrap_or_default();
        (rows, next)
    }
}

fn encode((value, id): &(String, Uuid)) -> String {
    URL_SAFE_NO_PAD.encode([id.as_bytes(), value.as_bytes()].concat())
}

fn decode(cursor: &str) -> Option<(String, Uuid)> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (id, value) = bytes.split_at_checked(16)?;
    let value = String::from_utf8(value.to_vec()).ok().filter(|v| !v.contains('\0'))?;
    Some((value, Uuid::from_slice(id).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_to_where_it_came_from() {
        let page = PageRequest::parse("", 2).unwrap();
        let id = Uuid::now_v7();
        let (items, next) = page.split(vec!["a", "b", "c"], |row| (row.to_string(), id));
        assert_eq!(items, ["a", "b"]);
        assert_eq!(PageRequest::parse(&next, 0).unwrap().after, Some(("b".to_owned(), id)));
        assert_eq!(page.split(vec!["a"], |row| (row.to_string(), id)).1, "");
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(PageRequest::parse("nonsense!", 0).is_err());
        assert!(PageRequest::parse("AA", 0).is_err());
        assert!(PageRequest::parse("", 201).is_err());
        assert!(PageRequest::parse("", -1).is_err());
    }
}
