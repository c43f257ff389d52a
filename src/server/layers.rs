//! What every request passes through: a bound on how many run at once, a bound on how long each may take, and a net for
//! faults of ours.
//!
//! A caller must never take a fault for an answer: without this a panic would reset the stream, which clients report as
//! CANCELLED, as if somebody had changed his mind.

use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::Semaphore;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::codegen::http::{Request, Response};

use crate::vocab::limits::{REQUEST_TIME_MAX, REQUESTS_IN_FLIGHT_MAX};

/// Probes must be answered when nothing else can be.
const HEALTH_PATH: &str = "/grpc.health.v1.Health/";

/// Guards a service; its clones share one count of requests.
#[derive(Clone, Debug)]
pub(super) struct Guard<S> {
    inner: S,
    room: Arc<Semaphore>,
}

impl<S> Guard<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner, room: Arc::new(Semaphore::new(REQUESTS_IN_FLIGHT_MAX)) }
    }
}

type Answer = Result<Response<Body>, Infallible>;

impl<S> Service<Request<Body>> for Guard<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let is_probe = request.uri().path().starts_with(HEALTH_PATH);
        let permit = Arc::clone(&self.room).try_acquire_owned().ok();
        if permit.is_none() && !is_probe {
            return refuse(Status::resource_exhausted("too many requests at once"));
        }
        let Ok(answer) = catch_unwind(AssertUnwindSafe(|| self.inner.call(request))) else {
            return refuse(report_panic());
        };
        Box::pin(async move {
            // Of a stream this covers the beginning; what follows has limits of its own.
            let _permit = permit;
            let caught = Caught { inner: Box::pin(answer) };
            match tokio::time::timeout(REQUEST_TIME_MAX, caught).await {
                Ok(Some(answer)) => answer,
                Ok(None) => Ok(report_panic().into_http()),
                Err(_) => Ok(Status::deadline_exceeded("the request took too long").into_http()),
            }
        })
    }
}

fn refuse(status: Status) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
    Box::pin(std::future::ready(Ok(status.into_http())))
}

fn report_panic() -> Status {
    // Where and why was written by the panic itself.
    tracing::error!("a request panicked");
    Status::internal("the request made the daemon fail; nothing is allowed by this")
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

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::Code;

    #[derive(Clone)]
    struct Fails(bool);

    impl Service<Request<Body>> for Fails {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<Body>) -> Self::Future {
            assert!(!self.0, "before the future");
            Box::pin(async { panic!("in the future") })
        }
    }

    struct Waits;

    impl Service<Request<Body>> for Waits {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = std::future::Pending<Answer>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<Body>) -> Self::Future {
            std::future::pending()
        }
    }

    fn request(path: &str) -> Request<Body> {
        Request::builder().uri(path).body(Body::empty()).unwrap()
    }

    fn code(answer: Answer) -> Code {
        Status::from_header_map(answer.unwrap().headers()).unwrap().code()
    }

    #[tokio::test]
    async fn a_panic_is_an_internal_error_and_the_next_request_is_taken() {
        for early in [true, false] {
            let mut guard = Guard::new(Fails(early));
            for _ in 0..2 {
                assert_eq!(code(guard.call(request("/a/b")).await), Code::Internal, "early: {early}");
            }
            assert_eq!(guard.room.available_permits(), REQUESTS_IN_FLIGHT_MAX);
        }
    }

    #[tokio::test]
    async fn beyond_the_limit_only_probes_get_in() {
        let mut guard = Guard::new(Waits);
        let held: Vec<_> = (0..REQUESTS_IN_FLIGHT_MAX).map(|_| guard.call(request("/a/b"))).collect();
        assert_eq!(code(guard.call(request("/a/b")).await), Code::ResourceExhausted);
        let probe = guard.call(request("/grpc.health.v1.Health/Check"));
        let soon = tokio::time::timeout(std::time::Duration::from_millis(5), probe).await;
        assert!(soon.is_err(), "the probe is passed on, and this service never answers");
        drop(held);
        assert_eq!(guard.room.available_permits(), REQUESTS_IN_FLIGHT_MAX);
    }
}
