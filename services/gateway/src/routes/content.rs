//! A file on its way out.

use std::time::Duration;

use actix_web::{
    HttpResponse,
    body::SizedStream,
    http::{
        Method, StatusCode,
        header::{self, HeaderValue},
    },
    web::Bytes,
};
use chassis::{Fault, FaultKind, RequestContext, grpc::idempotent};
use futures_util::stream;
use proto::documents::{ContentHead, ReadContentRequest, ReadContentResponse, read_content_response::Part};
use tonic::Streaming;

use crate::{
    call::{Call, put},
    problem::{Answer, Problem},
};

/// A whole download at most.
const TRANSFER: Duration = Duration::from_secs(3600);
/// Between two pieces of it at most.
const IDLE: Duration = Duration::from_secs(30);

/// What people uploaded is never run, whatever it is.
pub(super) const CSP: HeaderValue = HeaderValue::from_static(
    "sandbox; default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// One range of bytes, as asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Range {
    From(i64, Option<i64>),
    Suffix(i64),
}

/// `None` for what is no range of bytes, and for several at once: then all of it is sent
/// (RFC 9110, 14.2).
fn parse_range(text: &str) -> Option<Range> {
    let (first, last) = text.trim().strip_prefix("bytes=")?.trim().split_once('-')?;
    let number = |text: &str| match text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() {
        true => text.parse::<i64>().ok(),
        false => None,
    };
    match (first, last) {
        ("", suffix) => Some(Range::Suffix(number(suffix)?)),
        (first, "") => Some(Range::From(number(first)?, None)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Range::From(first, Some(last)))
        }
    }
}

fn tag(head: &ContentHead) -> String {
    format!("\"{}\"", head.sha256)
}

pub(super) async fn read(call: Call) -> Answer {
    let mut query = call.query()?;
    let version = query.number("version", 1, i32::MAX);
    query.done()?;
    send(&call, call.part("id"), version).await
}

/// The bytes of a version (0: the newest), as far as the request wants them.
pub(crate) async fn send(call: &Call, id: String, version: i32) -> Answer {
    let mut request = ReadContentRequest { id, version, ..Default::default() };
    let wants_body = call.request.method() != Method::HEAD;
    let mut range = call.header(header::RANGE).filter(|_| wants_body).and_then(parse_range);
    let if_range = call.header(header::IF_RANGE).filter(|_| range.is_some());
    if if_range.is_some() || call.request.headers().contains_key(header::IF_NONE_MATCH) {
        let head = head(call, &request).await?;
        if call.has_seen(&tag(&head)) {
            let mut response = HttpResponse::NotModified().finish();
            describe(&mut response, &head);
            return Ok(response);
        }
        // A part is only good beside the rest of the same bytes.
        range = range.filter(|_| if_range.is_none_or(|seen| seen.trim() == tag(&head)));
        request.version = head.version;
    }
    match range {
        Some(Range::From(first, last)) => (request.first, request.last) = (Some(first), last),
        Some(Range::Suffix(length)) => request.suffix = Some(length),
        None => {}
    }
    request.head_only = !wants_body;
    let (head, stream) = match open(call, &request).await {
        Ok(opened) => opened,
        Err(problem) if problem.fault.kind == FaultKind::RangeNotSatisfiable => {
            return Err(not_satisfiable(call, &request, problem).await);
        }
        Err(problem) => return Err(problem),
    };
    let partial = range.is_some();
    let length = u64::try_from(if wants_body { head.length } else { head.size }).unwrap_or(0);
    let mut response = HttpResponse::build(if partial { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK })
        .body(SizedStream::new(length, pieces(stream)));
    describe(&mut response, &head);
    put(&mut response, header::CONTENT_TYPE, &head.media_type);
    if partial {
        let last = head.first + head.length - 1;
        put(&mut response, header::CONTENT_RANGE, &format!("bytes {}-{last}/{}", head.first, head.size));
    }
    Ok(response)
}

/// Header fields that a 304 has too.
fn describe(response: &mut HttpResponse, head: &ContentHead) {
    put(response, header::ETAG, &tag(head));
    put(response, header::CONTENT_DISPOSITION, &disposition(&head.file_name));
    let headers = response.headers_mut();
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(header::CONTENT_SECURITY_POLICY, CSP);
}

async fn not_satisfiable(call: &Call, request: &ReadContentRequest, problem: Problem) -> Problem {
    match head(call, request).await {
        Ok(head) => match HeaderValue::from_str(&format!("bytes */{}", head.size)) {
            Ok(value) => problem.with(header::CONTENT_RANGE, value),
            Err(_) => problem,
        },
        Err(other) => other,
    }
}

async fn head(call: &Call, request: &ReadContentRequest) -> Result<ContentHead, Problem> {
    let whole = ReadContentRequest { first: None, last: None, suffix: None, head_only: true, ..request.clone() };
    Ok(open(call, &whole).await?.0)
}

async fn open(
    call: &Call,
    request: &ReadContentRequest,
) -> Result<(ContentHead, Streaming<ReadContentResponse>), Problem> {
    let context = RequestContext::current().unwrap_or_else(|| RequestContext::background(TRANSFER));
    let left = context.remaining();
    let ask = || {
        let (mut documents, request) = (call.state.documents.clone(), request.clone());
        context.clone().with_budget(TRANSFER).scope(async move { documents.read_content(request).await })
    };
    let opening = async {
        let mut stream = idempotent(ask).await?.into_inner();
        match stream.message().await?.and_then(|message| message.part) {
            Some(Part::Head(head)) => Ok((head, stream)),
            _ => Err(Fault::internal("content came without its head").into()),
        }
    };
    tokio::time::timeout(left, opening).await.unwrap_or_else(|_| Err(Fault::timeout().into()))
}

/// The bytes as they come; an error breaks the connection off, so that nobody takes a part for the
/// whole.
fn pieces(stream: Streaming<ReadContentResponse>) -> impl futures_util::Stream<Item = Result<Bytes, Fault>> {
    stream::unfold(Some(stream), async |stream| {
        let mut stream = stream?;
        match tokio::time::timeout(IDLE, stream.message()).await {
            Ok(Ok(Some(ReadContentResponse { part: Some(Part::Chunk(chunk)) }))) => Some((Ok(chunk), Some(stream))),
            Ok(Ok(None)) => None,
            Ok(Ok(Some(_))) => Some((Err(Fault::internal("content came without bytes")), None)),
            Ok(Err(status)) => Some((Err(Fault::of(&status)), None)),
            Err(_) => Some((Err(Fault::timeout()), None)),
        }
    })
}

/// `attachment` with the name in both forms (RFC 6266, RFC 8187).
fn disposition(name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "._- ".contains(c) { c } else { '_' }).collect();
    let mut extended = String::with_capacity(name.len() * 3);
    for byte in name.bytes() {
        match byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            true => extended.push(char::from(byte)),
            false => {
                extended.push('%');
                extended.push_str(&hex::encode_upper([byte]));
            }
        }
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{extended}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_parse_as_the_standard_says() {
        assert_eq!(parse_range("bytes=0-0"), Some(Range::From(0, Some(0))));
        assert_eq!(parse_range("bytes=5-"), Some(Range::From(5, None)));
        assert_eq!(parse_range("bytes=-7"), Some(Range::Suffix(7)));
        for no_range in ["pages=1-2", "bytes=", "bytes=-", "bytes=5-3", "bytes=0-1,3-4", "bytes=a-b", "bytes=+1-2"] {
            assert_eq!(parse_range(no_range), None, "{no_range}");
        }
    }

    #[test]
    fn a_name_cannot_break_out_of_its_header_field() {
        assert_eq!(
            disposition("grüße \"x\"\r\n.pdf"),
            "attachment; filename=\"gr__e _x___.pdf\"; filename*=UTF-8''gr%C3%BC%C3%9Fe%20%22x%22%0D%0A.pdf"
        );
    }
}
