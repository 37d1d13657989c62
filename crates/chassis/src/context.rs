use std::{fmt, str::FromStr, time::Duration};

use tokio::time::Instant;
use uuid::Uuid;

/// What a signed-in person may do at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Reads and writes contacts and documents.
    Editor,
    /// Everything.
    Owner,
}

impl Role {
    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Editor => "editor",
            Role::Owner => "owner",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "viewer" => Ok(Role::Viewer),
            "editor" => Ok(Role::Editor),
            "owner" => Ok(Role::Owner),
            _ => Err(UnknownRole),
        }
    }
}

/// The text names no role.
#[derive(Debug, thiserror::Error)]
#[error("a role is viewer, editor or owner")]
pub struct UnknownRole;

/// On whose behalf a call is made. The gateway decides it; the services believe it, because only
/// holders of the RPC token can call them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    /// Nobody is signed in.
    Anonymous,
    /// A person, or a program that holds one of their tokens.
    User {
        /// The person.
        id: Uuid,
        /// What they may do in this call, their token's scopes considered.
        role: Role,
    },
    /// One of our own services, working in the background.
    Service,
}

impl Caller {
    /// The person's id, if there is one.
    pub fn user_id(&self) -> Option<Uuid> {
        match self {
            Caller::User { id, .. } => Some(*id),
            _ => None,
        }
    }

    /// The person's role, if there is one.
    pub fn role(&self) -> Option<Role> {
        match self {
            Caller::User { role, .. } => Some(*role),
            _ => None,
        }
    }

    /// A word for logs and spans that names no person.
    pub fn kind(&self) -> &'static str {
        match self {
            Caller::Anonymous => "anonymous",
            Caller::User { role, .. } => role.as_str(),
            Caller::Service => "service",
        }
    }

    /// Refuses anyone below `role`: 401 for the anonymous, 403 for the others. Services pass.
    pub fn require(&self, role: Role) -> Result<(), crate::Fault> {
        match self {
            Caller::Anonymous => Err(crate::Fault::unauthenticated()),
            Caller::User { role: has, .. } if *has < role => {
                Err(crate::Fault::forbidden(format!("this needs the role {role}, and you have {has}")))
            }
            _ => Ok(()),
        }
    }

    /// Refuses anyone but our own services.
    pub fn require_service(&self) -> Result<(), crate::Fault> {
        match self {
            Caller::Service => Ok(()),
            _ => Err(crate::Fault::forbidden("only the system itself may do this")),
        }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Caller::Anonymous => f.write_str("anonymous"),
            Caller::User { id, role } => write!(f, "user:{id}:{role}"),
            Caller::Service => f.write_str("service"),
        }
    }
}

impl FromStr for Caller {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split(':');
        match (parts.next(), parts.next(), parts.next()) {
            (Some("anonymous"), None, None) => Ok(Caller::Anonymous),
            (Some("service"), None, None) => Ok(Caller::Service),
            (Some("user"), Some(id), Some(role)) => {
                Ok(Caller::User { id: id.parse().map_err(|_| UnknownRole)?, role: role.parse()? })
            }
            _ => Err(UnknownRole),
        }
    }
}

/// W3C trace context, version 00 (<https://www.w3.org/TR/trace-context/>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// Names the whole trace; never zero.
    pub trace_id: u128,
    /// The span that made this call; never zero.
    pub span_id: u64,
    /// Whether the spans of this trace are kept.
    pub sampled: bool,
}

impl TraceContext {
    /// A new trace.
    pub fn start() -> Self {
        Self { trace_id: rand::random::<u128>().max(1), span_id: rand::random::<u64>().max(1), sampled: true }
    }

    /// The value of a `traceparent` header, or `None` when it is malformed.
    pub fn parse(header: &str) -> Option<Self> {
        let mut parts = header.trim().split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let lower_hex = |s: &str| s.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let well_formed = version.len() == 2
            && version != "ff"
            && (version != "00" || parts.next().is_none())
            && (trace.len(), span.len(), flags.len()) == (32, 16, 2)
            && [version, trace, span, flags].into_iter().all(lower_hex);
        if !well_formed {
            return None;
        }
        let context = Self {
            trace_id: u128::from_str_radix(trace, 16).ok()?,
            span_id: u64::from_str_radix(span, 16).ok()?,
            sampled: u8::from_str_radix(flags, 16).ok()? & 1 == 1,
        };
        (context.trace_id != 0 && context.span_id != 0).then_some(context)
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, u8::from(self.sampled))
    }
}

/// Whether `id` may be taken over as a request id: 1 to 128 of `A–Z a–z 0–9 - _ .`.
pub fn valid_request_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// What belongs to one request wherever it goes.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// In every log line and span, and echoed to the client.
    pub request_id: String,
    /// On whose behalf.
    pub caller: Caller,
    /// Where the request stands in its trace.
    pub trace: TraceContext,
    /// When the one who waits gives up.
    pub deadline: Instant,
}

tokio::task_local! {
    static CURRENT: RequestContext;
}

impl RequestContext {
    /// For work that no request asked for; ends `budget` from now.
    pub fn background(budget: Duration) -> Self {
        Self {
            request_id: Uuid::now_v7().to_string(),
            caller: Caller::Service,
            trace: TraceContext::start(),
            deadline: Instant::now() + budget,
        }
    }

    /// The context of the running task. Tasks that are spawned do not inherit it: wrap them in
    /// [`RequestContext::scope`].
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Runs `future` with this context; every call to another service inside it carries it.
    pub fn scope<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, future)
    }

    /// The same request with another deadline.
    pub fn with_budget(mut self, budget: Duration) -> Self {
        self.deadline = Instant::now() + budget;
        self
    }

    /// What is left until the deadline; zero when it has passed.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_survives_the_wire() {
        let user = Caller::User { id: Uuid::now_v7(), role: Role::Editor };
        for caller in [Caller::Anonymous, Caller::Service, user] {
            assert_eq!(caller.to_string().parse::<Caller>().unwrap(), caller);
        }
        assert!("user:x:owner".parse::<Caller>().is_err());
    }

    #[test]
    fn a_malformed_traceparent_is_not_taken() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(TraceContext::parse(good).unwrap().to_string(), good);
        for bad in [
            "",
            "00-0-0-0",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        ] {
            assert_eq!(TraceContext::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn roles_are_ordered_and_enforced() {
        let viewer = Caller::User { id: Uuid::nil(), role: Role::Viewer };
        assert!(viewer.require(Role::Viewer).is_ok());
        assert!(viewer.require(Role::Editor).is_err());
        assert!(Caller::Service.require(Role::Owner).is_ok());
        assert!(Caller::Anonymous.require(Role::Viewer).is_err());
    }
}
