//! One question and one answer over HTTP/2, as gRPC frames them: a message in, a message and a status out.
//!
//! A message is gathered as it arrives, within limits of its size and its time, unpacked if it is packed, and answered at once:
//! deciding waits for nothing, so a request holds no more than its message while it waits for the rest of it. Unpacking is done in
//! turns with all others, since a few bytes may become millions.

use std::future::Future;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use http_body::{Body, Frame, SizeHint};
use prost::bytes::buf::Reader;
use prost::bytes::{Buf, Bytes};
use tokio::time::Sleep;
use tonic::codegen::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use tonic::{Code, Status};

use crate::rpc::{Budget, status};
use crate::server::door::Permit;
use crate::server::head::Head;
use crate::vocab::call::Call;
use crate::vocab::limits::{BODY_TIME_MAX, GATHERED_BYTES_MAX, WORK_TIME_MAX};

/// Bytes before a message: whether it is packed, and how long it is.
const PREFIX_BYTES: usize = 5;

/// Room for most answers, so that writing one asks for memory once.
const ANSWER_BYTES: usize = 512;

/// Bytes that are unpacked before others have their turn: some ten microseconds of work.
const UNPACKED_AT_ONCE: usize = 16 * 1024;

const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/grpc");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// The body of an answer.
#[derive(Debug)]
pub(super) enum AnswerBody {
    /// Nothing: the headers say it all.
    Empty,
    /// A message that is still to be sent, and then the status.
    Message(Bytes),
    /// The status OK.
    Good,
    /// What another service writes.
    Routed(tonic::body::Body),
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Message(message) => {
                let message = std::mem::take(message);
                *self = Self::Good;
                Poll::Ready(Some(Ok(Frame::data(message))))
            }
            Self::Good => {
                let mut trailers = HeaderMap::with_capacity(1);
                trailers.insert(GRPC_STATUS, HeaderValue::from_static("0"));
                *self = Self::Empty;
                Poll::Ready(Some(Ok(Frame::trailers(trailers))))
            }
            Self::Routed(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Message(_) | Self::Good => false,
            Self::Routed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Routed(body) => body.size_hint(),
            Self::Empty | Self::Good => SizeHint::with_exact(0),
            Self::Message(_) => SizeHint::default(),
        }
    }
}

/// Writes a refusal.
pub(super) fn refusal(status: Status) -> Response<AnswerBody> {
    let (mut head, ()) = Response::new(()).into_parts();
    head.headers.insert(header::CONTENT_TYPE, CONTENT_TYPE);
    // What cannot be a header is not told; the code always can.
    if status.add_header(&mut head.headers).is_err() {
        let code = HeaderValue::from(i32::from(status.code()));
        head.headers.insert(GRPC_STATUS, code);
    }
    Response::from_parts(head, AnswerBody::Empty)
}

/// Writes that this is no gRPC.
pub(super) fn not_grpc(status: StatusCode) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::Empty);
    *response.status_mut() = status;
    response
}

/// How the message of a request is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    /// Not at all.
    None,
    /// By gzip.
    Gzip,
}

impl Packing {
    /// Reads how messages of a request may be packed.
    pub(super) fn of(head: &Head<'_>) -> Result<Self, Status> {
        match head.encoding.map(HeaderValue::as_bytes) {
            None | Some(b"identity") => Ok(Self::None),
            Some(b"gzip") => Ok(Self::Gzip),
            Some(other) => Err(status::unknown_encoding(&String::from_utf8_lossy(other))),
        }
    }
}

/// Reads how long the caller waits, from now on.
pub(super) fn patience(head: &Head<'_>) -> Result<Option<Duration>, Status> {
    let Some(value) = head.timeout else {
        return Ok(None);
    };
    read_timeout(value.as_bytes())
        .map(Some)
        .ok_or_else(|| status::malformed("`grpc-timeout` is no time"))
}

fn read_timeout(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let count = digits
        .iter()
        .fold(0_u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    Some(match unit {
        b'H' => Duration::from_secs(count * 3_600),
        b'M' => Duration::from_secs(count * 60),
        b'S' => Duration::from_secs(count),
        b'm' => Duration::from_millis(count),
        b'u' => Duration::from_micros(count),
        b'n' => Duration::from_nanos(count),
        _ => return None,
    })
}

/// A call that waits for its message, and is its answer when that has come.
#[derive(Debug)]
pub(super) struct Unary<B> {
    permit: Permit,
    packing: Packing,
    body: B,
    message: Gathered,
    /// The message, once it turned out to be packed.
    unpacking: Option<Box<Unpacking>>,
    /// The deadline of the caller.
    deadline: Option<Instant>,
    /// When it is too late for the message; set if it has not come with its headers.
    patience: Option<Pin<Box<Sleep>>>,
}

impl<B: Body<Data = Bytes> + Unpin> Unary<B> {
    pub(super) fn new(permit: Permit, packing: Packing, body: B, deadline: Option<Instant>) -> Self {
        Self {
            permit,
            packing,
            body,
            message: Gathered::default(),
            unpacking: None,
            deadline,
            patience: None,
        }
    }

    /// Waits for the whole message.
    fn poll_message(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Status>> {
        let limit = self.permit.message_bytes_max();
        loop {
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        self.permit.conduct().understand(data.len());
                        if let Err(status) = self.message.take(data, limit, &self.permit) {
                            return Poll::Ready(Err(status));
                        }
                    }
                    if self.body.is_end_stream() {
                        return Poll::Ready(Ok(()));
                    }
                }
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                // The caller has gone, and hears nothing of this.
                Poll::Ready(Some(Err(_))) => {
                    return Poll::Ready(Err(Status::new(
                        Code::Cancelled,
                        "the caller took the request back",
                    )));
                }
                Poll::Pending => return self.poll_patience(context),
            }
        }
    }

    fn poll_patience(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Status>> {
        let deadline = self.deadline;
        let patience = self.patience.get_or_insert_with(|| {
            let latest = Instant::now() + BODY_TIME_MAX;
            let until = deadline.map_or(latest, |deadline| deadline.min(latest));
            Box::pin(tokio::time::sleep_until(until.into()))
        });
        if patience.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(Err(if self.is_late() {
            status::deadline_exceeded()
        } else {
            status::too_slow()
        }))
    }

    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= Instant::now())
    }

    /// Waits until a message that is packed is unpacked, a bit in each turn.
    fn poll_unpacked(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Status>> {
        if self.unpacking.is_none() {
            match (self.message.unframe(), self.packing) {
                (Ok((false, _)), _) => return Poll::Ready(Ok(())),
                (Ok((true, _)), Packing::Gzip) => {}
                (Ok((true, _)), Packing::None) => {
                    return Poll::Ready(Err(status::malformed(
                        "it is packed, and `grpc-encoding` does not say how",
                    )));
                }
                (Err(status), _) => return Poll::Ready(Err(status)),
            }
            let limit = self.permit.message_bytes_max();
            self.unpacking = Some(Box::new(Unpacking::new(self.message.take_packed(), limit)));
        }
        let Some(unpacking) = &mut self.unpacking else {
            return Poll::Ready(Ok(()));
        };
        let poll = unpacking.poll(context);
        if let Poll::Ready(Err(_)) = &poll {
            self.permit.conduct().unpack_in_vain(unpacking.message.len());
        }
        poll
    }

    fn answer(&self) -> Result<Response<AnswerBody>, Status> {
        if self.is_late() {
            return Err(status::deadline_exceeded());
        }
        let message = match &self.unpacking {
            Some(unpacking) => &unpacking.message,
            None => self.message.unframe()?.1,
        };
        let mut out = Vec::with_capacity(ANSWER_BYTES);
        out.extend_from_slice(&[0; PREFIX_BYTES]);
        let service = self.permit.service();
        let budget = self.budget();
        let answered = catch_unwind(AssertUnwindSafe(|| {
            service.answer(self.permit.call, message, budget, &mut out)
        }));
        match answered {
            Ok(answered) => answered?,
            Err(_) => {
                self.permit.tally().panics.up();
                // Where and why was written by the panic itself.
                tracing::error!(call = self.permit.call.name(), "a request panicked");
                return Err(status::fault());
            }
        }
        let length = u32::try_from(out.len() - PREFIX_BYTES).map_err(|_| status::fault())?;
        if let Some(prefix) = out.get_mut(1..PREFIX_BYTES) {
            prefix.copy_from_slice(&length.to_be_bytes());
        }
        let mut response = Response::new(AnswerBody::Message(out.into()));
        // Room for one header, and not for the many that a map makes room for by itself.
        let mut headers = HeaderMap::with_capacity(1);
        headers.insert(header::CONTENT_TYPE, CONTENT_TYPE);
        *response.headers_mut() = headers;
        Ok(response)
    }

    /// Says until when the call may be worked on; only a batch can be long enough for that to matter.
    fn budget(&self) -> Budget {
        if self.permit.call != Call::CheckBatch {
            return Budget::default();
        }
        let latest = Instant::now() + WORK_TIME_MAX;
        Budget::until(Some(
            self.deadline.map_or(latest, |deadline| deadline.min(latest)),
        ))
    }
}

impl<B: Body<Data = Bytes> + Unpin> Future for Unary<B> {
    type Output = Response<AnswerBody>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.unpacking.is_none() {
            match this.poll_message(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(status)) => return Poll::Ready(this.end(Err(status))),
            }
        }
        let unpacked = match this.poll_unpacked(context) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(unpacked) => unpacked,
        };
        let answer = unpacked.and_then(|()| this.answer());
        Poll::Ready(this.end(answer))
    }
}

impl<B> Unary<B> {
    /// Counts an answer, and makes a response of it.
    fn end(&mut self, answer: Result<Response<AnswerBody>, Status>) -> Response<AnswerBody> {
        self.message.forget(&self.permit);
        let answer = match answer {
            Ok(answer) => {
                self.permit.count(Code::Ok);
                answer
            }
            Err(status) => {
                self.permit.count_refusal(&status);
                refusal(status)
            }
        };
        self.permit.mark(answer)
    }
}

impl<B> Drop for Unary<B> {
    fn drop(&mut self) {
        self.message.forget(&self.permit);
    }
}

/// A framed message, as far as it has come.
#[derive(Debug, Default)]
struct Gathered {
    /// The first piece, which nearly always is the whole.
    first: Bytes,
    /// All pieces, once there are several.
    all: Vec<u8>,
    /// What of it counts in the sum over all requests.
    counted: usize,
}

impl Gathered {
    /// Takes a piece.
    fn take(&mut self, piece: Bytes, limit: usize, permit: &Permit) -> Result<(), Status> {
        if self.all.is_empty() && self.first.is_empty() {
            self.first = piece;
        } else {
            if !permit.gather(piece.len(), GATHERED_BYTES_MAX) {
                return Err(status::overloaded("messages that have arrived in part"));
            }
            self.counted += piece.len();
            if self.all.is_empty() {
                self.all.extend_from_slice(&self.first);
            }
            self.all.extend_from_slice(&piece);
        }
        // The length stands in front, so what is too long is known before it has come.
        let announced = match self.bytes() {
            [_, a, b, c, d, ..] => {
                usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).unwrap_or(usize::MAX)
            }
            _ => 0,
        };
        if announced > limit || self.bytes().len() > limit.saturating_add(PREFIX_BYTES) {
            return Err(status::too_large(limit));
        }
        Ok(())
    }

    fn bytes(&self) -> &[u8] {
        if self.all.is_empty() {
            &self.first
        } else {
            &self.all
        }
    }

    /// Returns whether the message is packed, and the message.
    fn unframe(&self) -> Result<(bool, &[u8]), Status> {
        let [packed, a, b, c, d, message @ ..] = self.bytes() else {
            return Err(status::malformed("its frame is cut short"));
        };
        let length = u32::from_be_bytes([*a, *b, *c, *d]);
        if usize::try_from(length) != Ok(message.len()) {
            return Err(status::malformed(
                "its length is not the one that its frame tells",
            ));
        }
        match packed {
            0 => Ok((false, message)),
            1 => Ok((true, message)),
            _ => Err(status::malformed("its frame begins with neither 0 nor 1")),
        }
    }

    /// Hands out the message behind its frame.
    fn take_packed(&mut self) -> Bytes {
        let whole = if self.all.is_empty() {
            std::mem::take(&mut self.first)
        } else {
            std::mem::take(&mut self.all).into()
        };
        whole.slice(PREFIX_BYTES.min(whole.len())..)
    }

    fn forget(&mut self, permit: &Permit) {
        permit.let_go(std::mem::take(&mut self.counted));
    }
}

/// What others do in between.
struct Turn(Pin<Box<dyn Future<Output = ()> + Send>>);

impl std::fmt::Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Turn")
    }
}

/// A message that is being unpacked, and stops where it becomes too large.
#[derive(Debug)]
struct Unpacking {
    packed: GzDecoder<Reader<Bytes>>,
    message: Vec<u8>,
    limit: usize,
    /// What others do in between.
    turn: Option<Turn>,
}

impl Unpacking {
    fn new(packed: Bytes, limit: usize) -> Self {
        Self {
            packed: GzDecoder::new(packed.reader()),
            message: Vec::new(),
            limit,
            turn: None,
        }
    }

    /// Unpacks a bit in each turn.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Status>> {
        loop {
            if let Some(turn) = &mut self.turn
                && turn.0.as_mut().poll(context).is_pending()
            {
                return Poll::Pending;
            }
            self.turn = None;
            match self.go_on() {
                Ok(true) => return Poll::Ready(Ok(())),
                Ok(false) => self.turn = Some(Turn(Box::pin(tokio::task::yield_now()))),
                Err(status) => return Poll::Ready(Err(status)),
            }
        }
    }

    /// Unpacks some more; tells whether that was all.
    fn go_on(&mut self) -> Result<bool, Status> {
        let room = self
            .limit
            .saturating_add(1)
            .saturating_sub(self.message.len())
            .min(UNPACKED_AT_ONCE);
        if self.message.len() >= UNPACKED_AT_ONCE {
            // Room for all of it at once, which costs nothing before it is filled: growing would copy what is there.
            self.message
                .reserve_exact(self.limit.saturating_add(1).saturating_sub(self.message.len()));
        }
        let read = Read::by_ref(&mut self.packed)
            .take(room as u64)
            .read_to_end(&mut self.message)
            .map_err(|_| status::malformed("it cannot be unpacked"))?;
        if self.message.len() > self.limit {
            return Err(status::too_large(self.limit));
        }
        Ok(read < room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn timeouts_are_read_as_grpc_writes_them() {
        let cases: [(&[u8], Option<Duration>); 11] = [
            (b"1H", Some(Duration::from_secs(3600))),
            (b"2M", Some(Duration::from_secs(120))),
            (b"3S", Some(Duration::from_secs(3))),
            (b"40m", Some(Duration::from_millis(40))),
            (b"50u", Some(Duration::from_micros(50))),
            (b"60n", Some(Duration::from_nanos(60))),
            (b"99999999H", Some(Duration::from_secs(99_999_999 * 3600))),
            (b"100000000S", None),
            (b"S", None),
            (b"-1S", None),
            (b"", None),
        ];
        for (value, expected) in cases {
            assert_eq!(read_timeout(value), expected, "{value:?}");
        }
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(&vec![0; 16 * 1024 * 1024]).unwrap();
        let bomb = packer.finish().unwrap();
        assert!(bomb.len() < 64 * 1024);
        let bomb = Bytes::from(bomb);
        let unpack = |packed: &Bytes, limit| {
            let mut unpacking = Unpacking::new(packed.clone(), limit);
            let mut turns = 1;
            while !unpacking.go_on()? {
                turns += 1;
            }
            Ok::<_, Status>((unpacking.message.len(), turns))
        };
        let status = unpack(&bomb, 1024 * 1024).unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted);
        let whole = 16 * 1024 * 1024;
        assert_eq!(
            unpack(&bomb, whole).unwrap(),
            (whole, whole / UNPACKED_AT_ONCE + 1)
        );
        let status = unpack(&Bytes::from_static(b"no gzip"), 9).unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
    }
}
