//! How slowly a body may come: a crowd of clients that send a byte now and then must not hold anything for
//! long, and an honest upload over a slow line must have all the time it needs.
//!
//! One rule for every body, whoever reads it. A client may let us wait for a while ([`Pace::grace`]), and what
//! it sends buys that time back, at [`Pace::bytes_per_second`]; more than the whole of it cannot be saved up.
//! So nobody comes slower than that for long, and nobody pauses for longer than the grace. Only waiting counts:
//! the time that we ourselves need for a body is not held against anybody.
//!
//! What a handler has not read is read here at the end, as far as it is little, so that the connection can be
//! used again. Where that fails the connection is given up: see [`HANG_UP`].

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use actix_web::{
    HttpMessage,
    dev::{Payload, ServiceRequest},
    error::PayloadError,
    http::header::{self, HeaderName},
    web::Bytes,
};
use chassis::{Fault, FaultKind};
use futures_util::{Stream, StreamExt};
use tokio::time::{Instant, Sleep};

/// Says to the proxy before us that the body was not read to its end, and that the connection is not to be
/// used again. `Connection` alone ends between us and the proxy, which would go on to wait for the rest.
pub(crate) const HANG_UP: HeaderName = HeaderName::from_static("x-hang-up");

/// So much of a body is read although nobody wants it, and for so long. Who announces more is answered at once.
const UNWANTED: usize = 256 << 10;
const LINGER: Duration = Duration::from_secs(2);

/// How slowly a body may come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// 0: as slowly as it likes.
    pub(crate) bytes_per_second: u32,
    pub(crate) grace: Duration,
}

impl Pace {
    /// The time that so many bytes buy.
    fn worth(self, bytes: usize) -> Duration {
        match self.bytes_per_second {
            0 => self.grace,
            rate => Duration::from_secs_f64(bytes as f64 / f64::from(rate)).min(self.grace),
        }
    }
}

/// A body that did not come in time, or not fast enough.
pub(crate) fn too_slow() -> Fault {
    metrics::counter!("gateway_bodies_too_slow_total").increment(1);
    Fault::new(FaultKind::Timeout, "the request did not arrive in time").because("request-timeout")
}

/// Whether a body ended because of its pace.
pub(crate) fn is_too_slow(error: &PayloadError) -> bool {
    matches!(error, PayloadError::Io(error) if error.kind() == io::ErrorKind::TimedOut)
}

/// A body on its way.
struct Coming {
    payload: Payload,
    pace: Pace,
    /// How much longer it may be waited for.
    patience: Duration,
    waiting: Option<Instant>,
    timer: Pin<Box<Sleep>>,
    /// Bytes that are still to come, as far as that was announced.
    left: u64,
    end: Option<End>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Whole,
    Broken,
}

impl Coming {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, PayloadError>>> {
        if self.end.is_some() {
            return Poll::Ready(None);
        }
        let Poll::Ready(piece) = self.payload.poll_next_unpin(cx) else {
            ready!(self.wait(cx));
            self.end = Some(End::Broken);
            return Poll::Ready(Some(Err(PayloadError::Io(io::ErrorKind::TimedOut.into()))));
        };
        if let Some(since) = self.waiting.take() {
            self.patience = self.patience.saturating_sub(since.elapsed());
        }
        match &piece {
            Some(Ok(bytes)) => {
                self.patience = self.pace.grace.min(self.patience + self.pace.worth(bytes.len()));
                self.left = self.left.saturating_sub(bytes.len() as u64);
            }
            Some(Err(_)) => self.end = Some(End::Broken),
            None => self.end = Some(End::Whole),
        }
        Poll::Ready(piece)
    }

    /// Ready when it has been waited for too long.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.pace.bytes_per_second == 0 {
            return Poll::Pending;
        }
        if self.waiting.is_none() {
            let now = Instant::now();
            self.waiting = Some(now);
            self.timer.as_mut().reset(now + self.patience);
        }
        self.timer.as_mut().poll(cx)
    }
}

/// The body of one request, for whoever handles it and for the end.
pub(crate) struct Paced(Rc<RefCell<Coming>>);

impl Paced {
    /// Puts itself before the request's body, if it has one.
    pub(crate) fn before(request: &mut ServiceRequest, pace: Pace) -> Option<Self> {
        let payload = match request.take_payload() {
            Payload::None => return None,
            payload => payload,
        };
        let announced =
            request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let coming = Rc::new(RefCell::new(Coming {
            payload,
            pace,
            patience: pace.grace,
            waiting: None,
            timer: Box::pin(tokio::time::sleep(pace.grace)),
            left: announced.unwrap_or(0),
            end: None,
        }));
        request.set_payload(Payload::Stream { payload: Box::pin(Pieces(coming.clone())) });
        Some(Self(coming))
    }

    /// Reads what nobody has read, as far as that is little; whether the body is at its end.
    pub(crate) async fn finish(self) -> bool {
        let (end, left) = {
            let coming = self.0.borrow();
            (coming.end, coming.left)
        };
        if end.is_some() || left > UNWANTED as u64 {
            return end == Some(End::Whole);
        }
        let read = async {
            let (mut pieces, mut room) = (Pieces(self.0.clone()), UNWANTED);
            while let Some(piece) = pieces.next().await {
                match piece {
                    Ok(bytes) if bytes.len() <= room => room -= bytes.len(),
                    _ => return false,
                }
            }
            true
        };
        tokio::time::timeout(LINGER, read).await.unwrap_or(false)
    }
}

struct Pieces(Rc<RefCell<Coming>>);

impl Stream for Pieces {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.borrow_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use futures_util::stream;

    use super::*;

    const PACE: Pace = Pace { bytes_per_second: 100, grace: Duration::from_secs(10) };

    /// Of pieces of so many bytes, each after so many seconds.
    fn body(pieces: &'static [(u64, usize)]) -> (ServiceRequest, Paced) {
        let pieces = stream::iter(pieces).then(|(after, bytes)| async move {
            tokio::time::sleep(Duration::from_secs(*after)).await;
            Ok::<_, PayloadError>(Bytes::from(vec![0; *bytes]))
        });
        let mut request = TestRequest::default().to_srv_request();
        request.set_payload(Payload::Stream { payload: Box::pin(pieces) });
        let paced = Paced::before(&mut request, PACE).unwrap();
        (request, paced)
    }

    async fn read(request: &mut ServiceRequest) -> Result<usize, PayloadError> {
        let (mut payload, mut read) = (request.take_payload(), 0);
        while let Some(piece) = payload.next().await {
            read += piece?.len();
        }
        Ok(read)
    }

    #[tokio::test(start_paused = true)]
    async fn who_sends_a_little_now_and_then_is_given_up_and_who_is_fast_enough_is_not() {
        let (mut trickle, paced) = body(&[(1, 1); 1000]);
        let began = Instant::now();
        assert!(is_too_slow(&read(&mut trickle).await.unwrap_err()));
        assert!((10..12).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
        assert!(!paced.finish().await, "it is not waited for again");
        let (mut slow, paced) = body(&[(1, 101); 1000]);
        assert_eq!(read(&mut slow).await.unwrap(), 101_000);
        assert!(paced.finish().await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_allowed_again_and_again_when_what_was_sent_is_worth_it() {
        let (mut pausing, _) = body(&[(9, 900), (9, 900), (9, 900), (9, 900)]);
        assert_eq!(read(&mut pausing).await.unwrap(), 3600);
        // However much was sent before, nobody pauses for longer.
        let (mut silent, _) = body(&[(0, 1 << 20), (11, 1)]);
        assert!(read(&mut silent).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_read_is_read_at_the_end_as_far_as_it_is_little() {
        let (_request, paced) = body(&[(0, 1000), (1, 1000)]);
        assert!(paced.finish().await);
        let (_request, paced) = body(&[(0, 200 << 10), (0, 200 << 10)]);
        assert!(!paced.finish().await);
        let (_request, paced) = body(&[(0, 1000), (11, 1)]);
        assert!(!paced.finish().await);
        // What is announced as long is not waited for at all.
        let mut request = TestRequest::default().insert_header((header::CONTENT_LENGTH, 1 << 30)).to_srv_request();
        let silent = stream::pending::<Result<Bytes, PayloadError>>();
        request.set_payload(Payload::Stream { payload: Box::pin(silent) });
        let began = Instant::now();
        assert!(!Paced::before(&mut request, PACE).unwrap().finish().await);
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn our_own_time_does_not_count() {
        let (mut request, _) = body(&[(1, 10), (1, 10), (1, 10), (1, 10), (1, 10), (1, 10)]);
        let mut payload = request.take_payload();
        while let Some(piece) = payload.next().await {
            piece.unwrap();
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
    }
}
