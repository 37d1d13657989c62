//! Other sites whose scripts may send the contact form and count visits (CORS).
//!
//! Only the two calls that anybody may make anyway are opened, only to POST, and never with cookies:
//! a script of another site does there what its visitor could do with a plain form, and may read the
//! answer. A form that is sent without a script needs none of this.

use actix_web::http::{
    Method,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};

/// The calls that other sites may make.
const OPEN: [&str; 2] = ["/api/v1/submissions", "/api/v1/visits"];
const TAKEN: &str = "Content-Type, Idempotency-Key, X-Request-Id, Traceparent";
const SHOWN: &str = "X-Request-Id, Location, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, \
    Idempotency-Replayed";
/// Seconds for which a browser need not ask again whether it may.
const ASK_AGAIN: &str = "600";

/// Origins as browsers send them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins(Vec<String>);

impl Origins {
    /// Of those that [`parse`] took.
    pub(crate) fn new(origins: &[String]) -> Self {
        Self(origins.iter().filter(|origin| !origin.is_empty()).cloned().collect())
    }

    /// Says in the header of an answer whether the page that asked may read it.
    pub(crate) fn answer(&self, method: &Method, path: &str, asked: &HeaderMap, answer: &mut HeaderMap) {
        if !OPEN.contains(&path) || self.0.is_empty() {
            return;
        }
        // Whoever keeps the answer keeps it for this origin only.
        answer.append(header::VARY, HeaderValue::from_static("Origin"));
        let Some(origin) =
            asked.get(header::ORIGIN).filter(|sent| self.0.iter().any(|o| o.as_bytes() == sent.as_bytes()))
        else {
            return;
        };
        let preflight = *method == Method::OPTIONS && asked.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        let fields: &[(HeaderName, &str)] = match () {
            () if preflight => &[
                (header::ACCESS_CONTROL_ALLOW_METHODS, "POST"),
                (header::ACCESS_CONTROL_ALLOW_HEADERS, TAKEN),
                (header::ACCESS_CONTROL_MAX_AGE, ASK_AGAIN),
            ],
            () if *method == Method::POST => &[(header::ACCESS_CONTROL_EXPOSE_HEADERS, SHOWN)],
            () => return,
        };
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        for (name, value) in fields {
            answer.insert(name.clone(), HeaderValue::from_static(value));
        }
    }
}

/// One origin as browsers write it, or "".
pub(crate) fn parse(text: &str) -> Result<String, String> {
    let text = text.trim();
    let wrong = || "an origin is such as https://www.example.org: lower case, no path, no slash at the end".to_owned();
    if text.is_empty() {
        return Ok(String::new());
    }
    let authority = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or_else(wrong)?;
    let (host, port) = match authority.rsplit_once(':').filter(|_| !authority.ends_with(']')) {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let host_fits =
        !host.is_empty() && host.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-[:]".contains(&b));
    let default = if text.starts_with("https:") { "443" } else { "80" };
    let port_fits = port.is_none_or(|p| p != default && p.parse::<u16>().is_ok_and(|n| n > 0 && n.to_string() == p));
    if host_fits && port_fits { Ok(text.to_owned()) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_browser_would_send_is_an_origin() {
        for good in
            ["", "https://example.org", "http://localhost:3000", "http://[::1]:81", "https://xn--bcher-kva.example"]
        {
            assert_eq!(parse(good).as_deref(), Ok(good));
        }
        for bad in [
            "*",
            "null",
            "example.org",
            "https://example.org/",
            "https://Example.org",
            "https://a.b:443",
            "https://",
            "ftp://a.b",
            "https://a.b:0",
            "https://a b",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
