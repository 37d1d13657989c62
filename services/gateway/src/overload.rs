//! More than can be done is refused at once, and before anything was spent on it: what is worked on at
//! the same time is bounded for each service behind, so that a rush ends in quick answers of 503 rather
//! than in slow ones for everybody, and a service that hangs takes only its own calls with it.
//!
//! A request that waits for its client, with its body or its answer under way, is not being worked on:
//! slow clients hold no place. Only transfers of files are counted from beginning to end, in a room of
//! their own.

use std::{
    cell::Cell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use actix_web::http::Method;
use chassis::{Fault, FaultKind};

/// When a client that was refused may try again.
const COME_BACK: Duration = Duration::from_secs(1);

/// What is busy with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    Contacts,
    Documents,
    /// Of pages: a list asks for many at once, and each may have to be drawn. They must not keep the
    /// documents themselves out.
    Pictures,
    Search,
    Own,
    Pages,
    Transfers,
}

impl Room {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Contacts, "contacts"),
        (Self::Documents, "documents"),
        (Self::Pictures, "pictures"),
        (Self::Search, "search"),
        (Self::Own, "own"),
        (Self::Pages, "pages"),
        (Self::Transfers, "transfers"),
    ];

    /// `None` for what must answer however busy we are, and costs nothing.
    fn of(method: &Method, path: &str) -> Option<Self> {
        let Some(call) = path.strip_prefix("/api/v1/") else {
            let transfer = *method == Method::POST
                && (matches!(path, "/upload" | "/contacts/import") || path.ends_with("/versions"));
            let picture = path.starts_with("/s/") && path.ends_with("/picture");
            return match transfer {
                true => Some(Self::Transfers),
                false if picture => Some(Self::Pictures),
                false => (!path.starts_with("/assets/")).then_some(Self::Pages),
            };
        };
        let mut parts = call.split('/');
        Some(match (parts.next().unwrap_or_default(), parts.next(), parts.next()) {
            ("health", ..) => return None,
            ("documents", None, _) | ("documents", Some(_), Some("versions")) if *method == Method::POST => {
                Self::Transfers
            }
            ("contacts", Some("import" | "export"), _) | ("import" | "export", ..) => Self::Transfers,
            ("contacts" | "submissions" | "visits", ..) => Self::Contacts,
            ("documents", Some(_), Some("pages")) => Self::Pictures,
            ("documents" | "collections", ..) => Self::Documents,
            ("search" | "analytics" | "index", ..) => Self::Search,
            _ => Self::Own,
        })
    }

    fn limit(self, of_each: u32) -> u32 {
        match self {
            Self::Search => of_each.div_ceil(4),
            // Forms and visits come in bursts, when a newsletter goes out, and are quickly done.
            Self::Transfers | Self::Contacts => of_each.saturating_mul(4),
            _ => of_each,
        }
    }
}

struct Places {
    limit: u32,
    name: &'static str,
    taken: AtomicU32,
}

impl Places {
    fn take(&self) -> bool {
        let there_is_room = |taken: u32| (self.limit == 0 || taken < self.limit).then(|| taken + 1);
        let taken = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, there_is_room).is_ok();
        if !taken {
            refusals(self.name).increment(1);
        }
        taken
    }

    fn leave(&self) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How much is being worked on.
pub(crate) struct Load {
    rooms: [Arc<Places>; 7],
}

impl Load {
    pub(crate) fn new(of_each: u32) -> Self {
        let places = |(room, name): (Room, _)| Places { limit: room.limit(of_each), name, taken: AtomicU32::new(0) };
        // A counter that appears with its first event would not have risen.
        for (_, name) in Room::ALL {
            refusals(name).increment(0);
        }
        Self { rooms: Room::ALL.map(|room| Arc::new(places(room))) }
    }

    /// A place for this request, if there is one.
    pub(crate) fn enter(&self, method: &Method, path: &str) -> Result<Place, Fault> {
        let Some(room) = Room::of(method, path) else { return Ok(Place(None)) };
        let places = &self.rooms[room as usize];
        match places.take() {
            true => Ok(Place(Some(Rc::new(Held {
                places: places.clone(),
                held: Cell::new(true),
                stays: room == Room::Transfers,
            })))),
            false => Err(refused()),
        }
    }
}

fn refusals(room: &'static str) -> metrics::Counter {
    metrics::counter!("gateway_requests_shed_total", "room" => room)
}

fn refused() -> Fault {
    Fault {
        retry_after: Some(COME_BACK),
        ..Fault::new(FaultKind::Unavailable, "too much is being asked at this moment; please try again")
            .because("overloaded")
    }
}

struct Held {
    places: Arc<Places>,
    held: Cell<bool>,
    stays: bool,
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.held.get() {
            self.places.leave();
        }
    }
}

/// One request's place, given back when the last of its clones goes.
#[derive(Clone)]
pub(crate) struct Place(Option<Rc<Held>>);

impl Place {
    /// While the client sends, somebody else may have it.
    pub(crate) fn step_aside(&self) {
        if self.0.as_ref().is_some_and(|held| !held.stays) {
            self.leave();
        }
    }

    /// Nothing is left to do but to hand over the answer.
    pub(crate) fn leave(&self) {
        if let Some(held) = &self.0
            && held.held.replace(false)
        {
            held.places.leave();
        }
    }

    /// Now there is something to do again, if there is room.
    pub(crate) fn come_back(&self) -> Result<(), Fault> {
        match &self.0 {
            Some(held) if !held.held.get() => match held.places.take() {
                true => {
                    held.held.set(true);
                    Ok(())
                }
                false => Err(refused()),
            },
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_service_has_a_room_and_health_needs_none() {
        for (method, path, room) in [
            (Method::GET, "/api/v1/health/live", None),
            (Method::GET, "/assets/dossier.js", None),
            (Method::GET, "/api/v1/contacts/x/documents", Some(Room::Contacts)),
            (Method::POST, "/api/v1/submissions", Some(Room::Contacts)),
            (Method::GET, "/api/v1/documents", Some(Room::Documents)),
            (Method::POST, "/api/v1/documents", Some(Room::Transfers)),
            (Method::POST, "/api/v1/documents/x/versions", Some(Room::Transfers)),
            (Method::POST, "/api/v1/documents/x/restore", Some(Room::Documents)),
            (Method::GET, "/api/v1/documents/x/pages/1/picture", Some(Room::Pictures)),
            (Method::GET, "/s/x/picture", Some(Room::Pictures)),
            (Method::GET, "/api/v1/search", Some(Room::Search)),
            (Method::GET, "/api/v1/session", Some(Room::Own)),
            (Method::GET, "/", Some(Room::Pages)),
            (Method::POST, "/upload", Some(Room::Transfers)),
            (Method::POST, "/documents/x/versions", Some(Room::Transfers)),
        ] {
            assert_eq!(Room::of(&method, path), room, "{method} {path}");
        }
        assert!(Room::ALL.iter().enumerate().all(|(place, (room, _))| *room as usize == place));
    }

    #[test]
    fn who_is_beyond_the_limit_is_refused_until_somebody_goes() {
        let load = Load::new(2);
        let enter = || load.enter(&Method::GET, "/api/v1/users");
        let (first, second) = (enter().unwrap(), enter().unwrap());
        let refused = enter().err().unwrap();
        assert_eq!((refused.kind, refused.retry_after), (FaultKind::Unavailable, Some(COME_BACK)));
        assert!(load.enter(&Method::GET, "/api/v1/documents").is_ok(), "others have rooms of their own");
        drop(first);
        let third = enter().unwrap();
        // Who waits for a client gives way, and comes back when there is room.
        second.step_aside();
        let fourth = enter().unwrap();
        assert!(second.come_back().is_err());
        drop((third, fourth));
        second.come_back().unwrap();
        second.come_back().unwrap();
        drop(second);
        assert!((0..2).map(|_| enter()).collect::<Result<Vec<_>, _>>().is_ok());
    }

    #[test]
    fn without_a_limit_everybody_comes_in() {
        let load = Load::new(0);
        let all: Result<Vec<_>, _> = (0..1000).map(|_| load.enter(&Method::GET, "/api/v1/search")).collect();
        assert!(all.is_ok());
    }
}
