//! Knows whether a byte of a request may have left.
//!
//! hyper asks a request's body for its bytes before it flushes the head: both leave together. So the body's first poll
//! is the earliest moment at which anything can be on the wire, and as long as it has not come, nothing is.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use zeroize::Zeroizing;

use crate::edge::clock::Clock;
use crate::words::Tick;

/// Nothing has left yet.
const WHOLE: u64 = 0;
/// Nothing has left, and nothing ever will.
const CLOSED: u64 = u64::MAX;

/// The seal on one request: whole, broken at a tick, or closed for ever. Clones are the same seal.
#[derive(Clone, Debug)]
pub(super) struct Seal {
    clock: Clock,
    /// [`WHOLE`], [`CLOSED`], or the microseconds of the tick plus one.
    state: Arc<AtomicU64>,
}

impl Seal {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, state: Arc::new(AtomicU64::new(WHOLE)) }
    }

    /// Marks that bytes may leave from now on. False when the seal has been closed: then they must not.
    pub(super) fn break_open(&self) -> bool {
        let now = self.clock.tick().micros().saturating_add(1).min(CLOSED.saturating_sub(1));
        match self.state.compare_exchange(WHOLE, now, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => true,
            Err(state) => state != CLOSED,
        }
    }

    /// Ends the matter: the moment from which bytes may have left, or none, and then none ever will, even if the
    /// connection's task still holds the request.
    pub(super) fn close(&self) -> Option<Tick> {
        match self.state.compare_exchange(WHOLE, CLOSED, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) | Err(CLOSED) => None,
            Err(state) => Some(Tick::from_micros(state.saturating_sub(1))),
        }
    }
}

/// A request's body under a seal. It wipes its bytes when it is dropped.
pub(super) struct SealedBody {
    seal: Seal,
    bytes: Option<Bytes>,
}

impl SealedBody {
    pub(super) fn new(seal: Seal, bytes: Zeroizing<Vec<u8>>) -> Self {
        let bytes = Some(Bytes::from_owner(bytes)).filter(|bytes| !bytes.is_empty());
        Self { seal, bytes }
    }
}

/// The caller gave up before the first byte.
#[derive(Debug, thiserror::Error)]
#[error("the request was given up before it was sent")]
pub(super) struct GivenUp;

impl Body for SealedBody {
    type Data = Bytes;
    type Error = GivenUp;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, GivenUp>>> {
        let Some(bytes) = self.bytes.take() else { return Poll::Ready(None) };
        if !self.seal.break_open() {
            return Poll::Ready(Some(Err(GivenUp)));
        }
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| u64::try_from(bytes.len()).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(body: &mut SealedBody) -> Option<Result<Frame<Bytes>, GivenUp>> {
        let mut context = Context::from_waker(std::task::Waker::noop());
        match Pin::new(body).poll_frame(&mut context) {
            Poll::Ready(frame) => frame,
            Poll::Pending => None,
        }
    }

    #[test]
    fn the_first_poll_breaks_the_seal_and_the_moment_stays() {
        let seal = Seal::new(Clock::start());
        let mut body = SealedBody::new(seal.clone(), Zeroizing::new(b"hello".to_vec()));
        assert_eq!(body.size_hint().exact(), Some(5));
        assert!(matches!(first(&mut body), Some(Ok(_))));
        let sent = seal.close();
        assert!(sent.is_some());
        assert_eq!(seal.close(), sent);
        assert!(first(&mut body).is_none() && body.is_end_stream());
    }

    #[test]
    fn once_closed_no_byte_leaves() {
        let seal = Seal::new(Clock::start());
        let mut body = SealedBody::new(seal.clone(), Zeroizing::new(b"hello".to_vec()));
        assert_eq!(seal.close(), None);
        assert!(matches!(first(&mut body), Some(Err(GivenUp))));
        assert_eq!(seal.close(), None);
    }
}
