//! The door of a listener: who may come in with what, how many at once, and whom to ask.
//!
//! Decisions are answered here (`unary.rs`); all other calls are routed to their services, with a bound on their time and a net
//! for faults of ours. A caller must never take a fault for an answer: without the net a panic would reset the stream, which
//! clients report as CANCELLED, as if somebody had changed his mind.

use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use tonic::codegen::Service as _;
use tonic::codegen::http::{Method, Request, Response, StatusCode};
use tonic::service::Routes;
use tonic::{Code, Status};

use crate::observe::counts::CallCounts;
use crate::rpc::{DecisionService, service, status};
use crate::server::callers::{CallerBook, Known};
use crate::server::calls::{ADMINISTRATION, Calls};
use crate::server::conduct::{Conduct, Ledger};
use crate::server::correlation::Correlation;
use crate::server::head::Head;
use crate::server::tally::Tally;
use crate::server::tls::Identity;
use crate::server::unary::{AnswerBody, Packing, Unary, not_grpc, patience, refusal};
use crate::vocab::call::Call;
use crate::vocab::limits::{HEADER_BYTES_MAX, REQUEST_TIME_MAX, REQUESTS_IN_FLIGHT_MAX, REQUESTS_SHARE_MIN};

/// Probes must be answered when nothing else can be, and by anybody.
const HEALTH_PATH: &str = "/grpc.health.v1.Health/";

/// Holds what the connections of one listener share.
#[derive(Debug)]
pub(super) struct Hall {
    /// What the log calls the listener.
    pub(super) name: Arc<str>,
    /// What is served here at all.
    pub(super) calls: Calls,
    /// Who may call; without it anybody.
    pub(super) callers: Option<Arc<CallerBook>>,
    /// How connections are encrypted, if they are.
    pub(super) identity: Option<Arc<Identity>>,
    /// Who answers decisions.
    pub(super) service: DecisionService,
    /// Who answers everything else.
    pub(super) routes: Routes,
    /// The largest message.
    pub(super) message_bytes_max: usize,
    /// How much there is at once in the daemon.
    pub(super) room: Arc<Room>,
    /// The time that the daemon has for clients who waste it.
    pub(super) ledger: Arc<Ledger>,
    /// What is counted of connections and refusals.
    pub(super) tally: Arc<Tally>,
    /// What is counted of calls.
    pub(super) counts: Arc<CallCounts>,
}

/// Counts what there is at once in the whole daemon.
#[derive(Debug, Default)]
pub(super) struct Room {
    requests: AtomicUsize,
    gathered: AtomicUsize,
}

/// The door as one connection has it.
#[derive(Clone, Debug)]
pub(super) struct Door(Arc<Visit>);

/// Holds what the requests of one connection share.
#[derive(Debug)]
struct Visit {
    hall: Arc<Hall>,
    /// The names in the certificate of the client.
    names: Vec<String>,
    requests: AtomicUsize,
    /// How the client behaves.
    conduct: Arc<Conduct>,
}

impl Door {
    /// Opens the door to a connection; `names` are those of its certificate.
    pub(super) fn new(hall: Arc<Hall>, names: Vec<String>, conduct: Arc<Conduct>) -> Self {
        Self(Arc::new(Visit {
            hall,
            names,
            requests: AtomicUsize::new(0),
            conduct,
        }))
    }

    /// Lets a request in, or says why not.
    fn enter(&self, request: Request<Incoming>) -> Result<Answering, Box<Response<AnswerBody>>> {
        let path = request.uri().path();
        let is_probe = path.starts_with(HEALTH_PATH);
        let head = Head::read(request.headers());
        let correlation = Correlation::of(&head);
        let permit = Permit::take(&self.0, call_of(path), correlation);
        if head.bytes > HEADER_BYTES_MAX {
            return Err(permit.refuse(status::headers_too_large()));
        }
        self.0.conduct.understand(head.bytes + path.len());
        if !is_probe {
            if permit.is_too_much() {
                return Err(permit.refuse(status::overloaded("requests")));
            }
            if let Err(status) = self.judge(path, &head) {
                return Err(permit.refuse(status));
            }
        }
        if service::in_path(path).is_none() {
            return Ok(Answering::Routed(route(&self.0.hall, permit, request)));
        }
        if request.method() != Method::POST {
            return Err(Box::new(not_grpc(StatusCode::METHOD_NOT_ALLOWED)));
        }
        if !head.is_grpc() {
            return Err(Box::new(not_grpc(StatusCode::UNSUPPORTED_MEDIA_TYPE)));
        }
        if permit.call == Call::Other {
            return Err(permit.refuse(status::unknown_call()));
        }
        let (packing, patience) = match (Packing::of(&head), patience(&head)) {
            (Ok(packing), Ok(patience)) => (packing, patience),
            (Err(status), _) | (_, Err(status)) => return Err(permit.refuse(status)),
        };
        let deadline = patience.and_then(|patience| permit.begun.checked_add(patience));
        Ok(Answering::Decision(Unary::new(
            permit,
            packing,
            request.into_body(),
            deadline,
        )))
    }

    /// Tells whether the caller may call this here.
    fn judge(&self, path: &str, head: &Head<'_>) -> Result<(), Status> {
        let (hall, needed) = (&self.0.hall, Calls::needed(path));
        if !hall.calls.include(needed) {
            return Err(status::not_offered(&needed.to_string()));
        }
        let Some(callers) = &hall.callers else {
            return Ok(());
        };
        let known = Known {
            token: head.token(),
            names: &self.0.names,
        };
        match callers.calls_of(known) {
            None => Err(status::unknown_caller()),
            Some(calls) if calls.include(needed) => Ok(()),
            Some(_) => Err(status::not_permitted(&needed.to_string())),
        }
    }
}

impl hyper::service::Service<Request<Incoming>> for Door {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, request: Request<Incoming>) -> Answering {
        self.enter(request)
            .unwrap_or_else(|refusal| Answering::Refused(Some(refusal)))
    }
}

/// An answer that is on its way.
pub(super) enum Answering {
    /// It is no.
    Refused(Option<Box<Response<AnswerBody>>>),
    /// It is a decision.
    Decision(Unary<Incoming>),
    /// Another service gives it.
    Routed(Pin<Box<dyn Future<Output = Response<AnswerBody>> + Send>>),
}

impl Future for Answering {
    type Output = Result<Response<AnswerBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Refused(refusal) => match refusal.take() {
                Some(refusal) => Poll::Ready(Ok(*refusal)),
                None => Poll::Pending,
            },
            Self::Decision(unary) => Pin::new(unary).poll(context).map(Ok),
            Self::Routed(routed) => routed.as_mut().poll(context).map(Ok),
        }
    }
}

fn route(
    hall: &Arc<Hall>,
    mut permit: Permit,
    request: Request<Incoming>,
) -> Pin<Box<dyn Future<Output = Response<AnswerBody>> + Send>> {
    let mut routes = hall.routes.clone();
    Box::pin(async move {
        let answer = guarded(REQUEST_TIME_MAX, move || {
            routes.call(request.map(tonic::body::Body::new))
        })
        .await;
        match answer {
            Ok(response) => {
                permit.count(code_of(&response));
                permit.mark(response.map(AnswerBody::Routed))
            }
            Err(status) => {
                if status.code() == Code::Internal {
                    permit.tally().panics.up();
                    tracing::error!("a request panicked");
                }
                permit.count_refusal(&status);
                permit.mark(refusal(status))
            }
        }
    })
}

/// Returns how an answer ends as far as its head tells; of a stream that has begun that is OK.
fn code_of<B>(response: &Response<B>) -> Code {
    Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code())
}

/// Returns what a path calls.
fn call_of(path: &str) -> Call {
    if let Some(name) = service::in_path(path) {
        return service::find(name).unwrap_or(Call::Other);
    }
    match path.strip_prefix(ADMINISTRATION) {
        Some("GetStatus") => Call::GetStatus,
        Some("WatchStatus") => Call::WatchStatus,
        Some("Reload") => Call::Reload,
        Some(_) | None => Call::Other,
    }
}

/// Answers, or says that it took too long or failed. Of a stream this covers the beginning.
async fn guarded<T, F>(time: Duration, answer: impl FnOnce() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<T, Infallible>>,
{
    let Ok(answering) = catch_unwind(AssertUnwindSafe(answer)) else {
        return Err(status::fault());
    };
    let caught = Caught {
        inner: Box::pin(answering),
    };
    match tokio::time::timeout(time, caught).await {
        Ok(Some(Ok(answer))) => Ok(answer),
        Ok(None) => Err(status::fault()),
        Err(_) => Err(status::deadline_exceeded()),
    }
}

/// A future that yields nothing if the inner one panics.
struct Caught<F> {
    inner: Pin<Box<F>>,
}

impl<F: Future> Future for Caught<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let inner = self.inner.as_mut();
        match catch_unwind(AssertUnwindSafe(|| inner.poll(context))) {
            Ok(poll) => poll.map(Some),
            Err(_) => Poll::Ready(None),
        }
    }
}

/// Stands for a request as long as it is not answered.
#[derive(Debug)]
pub(super) struct Permit {
    visit: Arc<Visit>,
    /// How many requests there were before: of all connections, and of this one.
    before: (usize, usize),
    /// What is called.
    pub(super) call: Call,
    /// When its head had come.
    pub(super) begun: Instant,
    /// What the caller finds it again by.
    correlation: Option<Box<Correlation>>,
    /// Whether the caller has been told how it ended.
    is_answered: bool,
}

impl Permit {
    fn take(visit: &Arc<Visit>, call: Call, correlation: Option<Box<Correlation>>) -> Self {
        let before = (
            visit.hall.room.requests.fetch_add(1, Ordering::Relaxed),
            visit.requests.fetch_add(1, Ordering::Relaxed),
        );
        Self {
            visit: Arc::clone(visit),
            before,
            call,
            begun: Instant::now(),
            correlation,
            is_answered: false,
        }
    }

    /// Tells whether there are too many requests, and those of this connection have a part in it.
    fn is_too_much(&self) -> bool {
        self.before.0 >= REQUESTS_IN_FLIGHT_MAX && self.before.1 >= REQUESTS_SHARE_MIN
    }

    /// Returns who answers decisions.
    pub(super) fn service(&self) -> &DecisionService {
        &self.visit.hall.service
    }

    /// Returns how large a message may be.
    pub(super) fn message_bytes_max(&self) -> usize {
        self.visit.hall.message_bytes_max
    }

    /// Returns what is counted.
    pub(super) fn tally(&self) -> &Tally {
        &self.visit.hall.tally
    }

    /// Counts bytes of a message that has arrived in part, unless there are too many of them already.
    pub(super) fn gather(&self, bytes: usize, max: usize) -> bool {
        let gathered = &self.visit.hall.room.gathered;
        if gathered.fetch_add(bytes, Ordering::Relaxed) > max {
            gathered.fetch_sub(bytes, Ordering::Relaxed);
            return false;
        }
        true
    }

    /// Counts them out.
    pub(super) fn let_go(&self, bytes: usize) {
        if bytes > 0 {
            self.visit.hall.room.gathered.fetch_sub(bytes, Ordering::Relaxed);
        }
    }

    /// Repeats in an answer what the caller finds his request by.
    pub(super) fn mark(&self, mut answer: Response<AnswerBody>) -> Response<AnswerBody> {
        if let Some(correlation) = &self.correlation {
            correlation.repeat(answer.headers_mut());
        }
        answer
    }

    /// Returns how the client behaves.
    pub(super) fn conduct(&self) -> &Conduct {
        &self.visit.conduct
    }

    /// Counts a refusal, and writes it.
    fn refuse(mut self, status: Status) -> Box<Response<AnswerBody>> {
        self.count_refusal(&status);
        Box::new(self.mark(refusal(status)))
    }

    /// Counts how the call ended and how long that took, and logs it.
    pub(super) fn count(&mut self, code: Code) {
        if code != Code::Cancelled && !self.is_answered {
            self.is_answered = true;
            self.visit.conduct.answer();
        }
        let took = self.begun.elapsed();
        let number = usize::try_from(i32::from(code)).unwrap_or_default();
        self.visit.hall.counts.add(self.call, number, took);
        let (listener, call) = (&*self.visit.hall.name, self.call.name());
        let correlation = self.correlation.as_deref();
        let request_id = correlation.and_then(Correlation::request_id);
        let trace_id = correlation.and_then(Correlation::trace_id);
        if matches!(code, Code::Internal | Code::Unknown | Code::DataLoss) {
            tracing::error!(listener, call, ?code, ?took, request_id, trace_id, "call failed");
        } else {
            tracing::debug!(listener, call, ?code, ?took, request_id, trace_id, "call ended");
        }
    }

    /// Counts a refusal.
    pub(super) fn count_refusal(&mut self, status: &Status) {
        self.count(status.code());
        let tally = self.tally();
        let counter = match status.code() {
            Code::ResourceExhausted => &tally.shed,
            Code::Unauthenticated | Code::PermissionDenied => &tally.forbidden,
            Code::DeadlineExceeded => &tally.late,
            Code::InvalidArgument => &tally.malformed,
            Code::Ok
            | Code::Cancelled
            | Code::Unknown
            | Code::NotFound
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss => return,
        };
        counter.up();
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.is_answered {
            self.visit.conduct.forsake();
        }
        self.visit.hall.room.requests.fetch_sub(1, Ordering::Relaxed);
        self.visit.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_internal_error_wherever_it_happens() {
        async fn later() -> Result<(), Infallible> {
            panic!("in the future")
        }
        let early = guarded(
            REQUEST_TIME_MAX,
            || -> std::future::Pending<Result<(), Infallible>> { panic!("before") },
        )
        .await;
        assert_eq!(early.unwrap_err().code(), Code::Internal);
        assert_eq!(
            guarded(REQUEST_TIME_MAX, later).await.unwrap_err().code(),
            Code::Internal
        );
    }

    #[tokio::test]
    async fn what_takes_too_long_is_late() {
        let soon = Duration::from_millis(5);
        let late = guarded(soon, std::future::pending::<Result<(), Infallible>>).await;
        assert_eq!(late.unwrap_err().code(), Code::DeadlineExceeded);
    }

    fn visit(hall: &Arc<Hall>) -> Arc<Visit> {
        let conduct = Arc::new(Conduct::new(Arc::clone(&hall.ledger)));
        Arc::clone(&Door::new(Arc::clone(hall), Vec::new(), conduct).0)
    }

    fn hall() -> Arc<Hall> {
        let store = Arc::new(crate::store::PolicyStore::new(None));
        Arc::new(Hall {
            name: "test".into(),
            calls: Calls::DECIDE,
            callers: None,
            identity: None,
            service: DecisionService::new(store, jiff::Timestamp::now),
            routes: Routes::default(),
            message_bytes_max: 64,
            room: Arc::default(),
            ledger: Arc::default(),
            tally: Arc::default(),
            counts: Arc::default(),
        })
    }

    #[test]
    fn where_there_is_too_much_each_connection_keeps_its_share() {
        let hall = hall();
        let (greedy, modest) = (visit(&hall), visit(&hall));
        let take = |visit| Permit::take(visit, Call::Check, None);
        let mut held: Vec<_> = (0..REQUESTS_IN_FLIGHT_MAX).map(|_| take(&greedy)).collect();
        assert!(!held.iter().any(Permit::is_too_much));
        assert!(take(&greedy).is_too_much());
        for _ in 0..REQUESTS_SHARE_MIN {
            held.push(take(&modest));
        }
        assert!(!held.iter().any(Permit::is_too_much));
        assert!(take(&modest).is_too_much());
        drop(held);
        assert!(!take(&greedy).is_too_much());
        assert_eq!(hall.room.requests.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn parts_of_messages_are_counted_in_and_out() {
        let hall = hall();
        let permit = Permit::take(&visit(&hall), Call::Check, None);
        assert!(permit.gather(10, 5), "whoever comes first is let in");
        assert!(!permit.gather(1, 5));
        permit.let_go(10);
        assert!(permit.gather(1, 5));
        permit.let_go(1);
        assert_eq!(hall.room.gathered.load(Ordering::Relaxed), 0);
    }
}
