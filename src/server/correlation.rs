//! What a caller sends along to find his request again: `x-request-id`, and `traceparent` as W3C Trace Context has it.
//!
//! Both are repeated in the answer and stand in the lines of the log that are about the request. What is malformed is put
//! aside, as that recommendation demands: it is neither repeated nor logged.

use tonic::codegen::http::{HeaderMap, HeaderName, HeaderValue};

use crate::server::head::Head;
use crate::vocab::limits::REQUEST_ID_BYTES_MAX;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");

/// Holds what a request can be found by.
#[derive(Debug)]
pub(super) struct Correlation {
    request_id: Option<HeaderValue>,
    trace_parent: Option<HeaderValue>,
}

impl Correlation {
    /// Keeps what is sound of the headers of a request; nothing if none of these is among them, which costs no memory.
    pub(super) fn of(head: &Head<'_>) -> Option<Box<Self>> {
        let keep = |value: Option<&HeaderValue>, is_sound: fn(&[u8]) -> bool| {
            value.filter(|value| is_sound(value.as_bytes())).cloned()
        };
        let request_id = keep(head.request_id, is_request_id);
        let trace_parent = keep(head.trace_parent, is_trace_parent);
        (request_id.is_some() || trace_parent.is_some()).then(|| {
            Box::new(Self {
                request_id,
                trace_parent,
            })
        })
    }

    /// Repeats it in the headers of an answer.
    pub(super) fn repeat(&self, headers: &mut HeaderMap) {
        for (name, value) in [(REQUEST_ID, &self.request_id), (TRACE_PARENT, &self.trace_parent)] {
            if let Some(value) = value {
                headers.insert(name, value.clone());
            }
        }
    }

    /// Returns the id of the request, if it has one, for the log.
    pub(super) fn request_id(&self) -> Option<&str> {
        self.request_id.as_ref().and_then(|value| value.to_str().ok())
    }

    /// Returns the id of the trace that the request belongs to, if it does, for the log.
    pub(super) fn trace_id(&self) -> Option<&str> {
        let value = self.trace_parent.as_ref()?.to_str().ok()?;
        value.split('-').nth(1)
    }
}

/// Tells whether a text is an id: visible characters of ASCII, and not too many.
fn is_request_id(bytes: &[u8]) -> bool {
    (1..=REQUEST_ID_BYTES_MAX).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
}

/// Tells whether a text is a `traceparent`: `00-<32 digits>-<16 digits>-<2 digits>`, hexadecimal and lower case. Later versions may
/// append more.
fn is_trace_parent(bytes: &[u8]) -> bool {
    const LENGTHS: [usize; 4] = [2, 32, 16, 2];
    if bytes.len() > REQUEST_ID_BYTES_MAX {
        return false;
    }
    let mut parts = bytes.split(|byte| *byte == b'-');
    let is_hex = |part: &[u8]| {
        part.iter()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte))
    };
    let is_sound = LENGTHS.into_iter().enumerate().all(|(index, length)| {
        let part = parts.next().unwrap_or_default();
        // Nothing but zeros is no id of a trace, and of no span.
        let is_zero = (index == 1 || index == 2) && part.iter().all(|byte| *byte == b'0');
        part.len() == length && is_hex(part) && !is_zero
    });
    let has_more = parts.next().is_some();
    let version = bytes.get(..2).unwrap_or_default();
    let is_visible = bytes.iter().all(u8::is_ascii_graphic);
    is_sound && is_visible && version != b"ff" && (!has_more || version != b"00")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(pairs: &[(&'static str, &[u8])]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &[u8])| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_bytes(value).unwrap(),
            )
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn what_is_sound_is_repeated() {
        let asked = headers(&[
            ("x-request-id", b"req-1/\xc2\xb7"),
            ("traceparent", PARENT.as_bytes()),
        ]);
        let correlation = Correlation::of(&Head::read(&asked)).unwrap();
        let mut answer = HeaderMap::new();
        correlation.repeat(&mut answer);
        assert_eq!(answer, headers(&[("traceparent", PARENT.as_bytes())]));
        assert_eq!(correlation.request_id(), None);
        assert_eq!(correlation.trace_id(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));

        let odd = headers(&[("x-request-id", b"a b")]);
        assert!(Correlation::of(&Head::read(&odd)).is_none());
        let plain = headers(&[("x-request-id", b"req-1")]);
        let correlation = Correlation::of(&Head::read(&plain)).unwrap();
        assert_eq!(
            (correlation.request_id(), correlation.trace_id()),
            (Some("req-1"), None)
        );
    }

    #[test]
    fn ids_are_short_and_visible() {
        let longest = "x".repeat(REQUEST_ID_BYTES_MAX);
        for good in ["a", "7f0c-4", "a:b/c=\"{}\"", &longest] {
            assert!(is_request_id(good.as_bytes()), "{good}");
        }
        let too_long = format!("{longest}x");
        for bad in ["", "a b", "a\tb", "a\nb", "a\u{1b}[2J", "ä", &too_long] {
            assert!(!is_request_id(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn trace_parents_are_those_of_the_recommendation() {
        let later = format!("cc{}-what-comes-later", &PARENT[2..]);
        for good in [PARENT, &later] {
            assert!(is_trace_parent(good.as_bytes()), "{good}");
        }
        let zero_trace = format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32));
        let zero_span = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{}-01", "0".repeat(16));
        let bad = [
            String::new(),
            PARENT.to_uppercase(),
            format!("{PARENT}-x"),
            format!("{PARENT}0"),
            PARENT.replace("00-", "ff-"),
            PARENT[1..].to_owned(),
            zero_trace,
            zero_span,
            format!("{later}\n"),
            "-".repeat(55),
        ];
        for bad in bad {
            assert!(!is_trace_parent(bad.as_bytes()), "{bad:?}");
        }
    }
}
