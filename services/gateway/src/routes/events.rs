//! What happens to a document, while it happens.

use std::time::Duration;

use actix_web::{
    HttpResponse,
    http::{
        Method,
        header::{self, HeaderName},
    },
    web::Bytes,
};
use chassis::{CancellationToken, RequestContext, grpc::idempotent};
use futures_util::stream;
use proto::documents::{Event, WatchEventsRequest};
use serde::Serialize;
use tokio::time::{Interval, MissedTickBehavior, interval_at};
use tonic::Streaming;

use crate::{call::Call, problem::Answer, wire::Micros};

/// A silent connection is closed by somebody on the way; a comment keeps it.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// One stream at most; a browser opens the next by itself.
const LIFE: Duration = Duration::from_secs(3600);

#[derive(Serialize)]
struct Data<'a> {
    stage: &'a str,
    version: i32,
    detail: Option<&'a str>,
    at: Micros,
}

fn written(event: &Event) -> Bytes {
    let data = Data {
        stage: &event.stage,
        version: event.version,
        detail: Some(event.detail.as_str()).filter(|text| !text.is_empty()),
        at: Micros(event.at),
    };
    // JSON has no raw line ends, so it is one line.
    let data = serde_json::to_string(&data).unwrap_or_default();
    format!("id: {}\nevent: {}\ndata: {data}\n\n", event.seq, event.stage).into()
}

struct Watch {
    events: Streaming<Event>,
    heartbeat: Interval,
    stop: CancellationToken,
}

impl Watch {
    async fn next(mut self) -> Option<(Result<Bytes, chassis::Fault>, Self)> {
        let bytes = tokio::select! {
            event = self.events.message() => match event {
                Ok(Some(event)) => written(&event),
                // The client asks again from the last event it saw.
                Ok(None) | Err(_) => return None,
            },
            _ = self.heartbeat.tick() => Bytes::from_static(b": still here\n\n"),
            () = self.stop.cancelled() => return None,
        };
        Some((Ok(bytes), self))
    }
}

pub(super) async fn watch(call: Call) -> Answer {
    call.query()?.done()?;
    let last = call.header(HeaderName::from_static("last-event-id")).and_then(|id| id.trim().parse().ok());
    let request = WatchEventsRequest { id: call.part("id"), after: last.unwrap_or(0) };
    let context = RequestContext::current().unwrap_or_else(|| RequestContext::background(LIFE));
    let ask = || {
        let (mut documents, request) = (call.state.documents.clone(), request.clone());
        context.clone().with_budget(LIFE).scope(async move { documents.watch_events(request).await })
    };
    let events = idempotent(ask).await?.into_inner();
    if call.request.method() == Method::HEAD {
        return Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "text/event-stream")).finish());
    }
    let mut heartbeat = interval_at(tokio::time::Instant::now() + HEARTBEAT, HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let watch = Watch { events, heartbeat, stop: call.state.shared.stop.clone() };
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/event-stream"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(stream::unfold(watch, Watch::next)))
}
