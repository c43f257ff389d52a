//! The headers of a request that mean something here, found in one pass over all of them.

use tonic::codegen::http::{HeaderMap, HeaderValue};

/// Holds what the headers of a request tell; of a header that comes several times the first.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Head<'h> {
    /// How many bytes there are as HTTP/2 counts them.
    pub(super) bytes: usize,
    /// The type of the message.
    pub(super) content_type: Option<&'h HeaderValue>,
    /// How messages may be packed.
    pub(super) encoding: Option<&'h HeaderValue>,
    /// How long the caller waits.
    pub(super) timeout: Option<&'h HeaderValue>,
    /// Who calls.
    pub(super) authorization: Option<&'h HeaderValue>,
    /// What the caller finds his request by.
    pub(super) request_id: Option<&'h HeaderValue>,
    /// The same as W3C Trace Context has it.
    pub(super) trace_parent: Option<&'h HeaderValue>,
}

impl<'h> Head<'h> {
    /// Reads headers. A handful is looked through faster than each of these names is looked up.
    pub(super) fn read(headers: &'h HeaderMap) -> Self {
        let mut head = Self::default();
        for (name, value) in headers {
            head.bytes += name.as_str().len() + value.len() + 32;
            let place = match name.as_str() {
                "content-type" => &mut head.content_type,
                "grpc-encoding" => &mut head.encoding,
                "grpc-timeout" => &mut head.timeout,
                "authorization" => &mut head.authorization,
                "x-request-id" => &mut head.request_id,
                "traceparent" => &mut head.trace_parent,
                _ => continue,
            };
            place.get_or_insert(value);
        }
        head
    }

    /// Tells whether the message is one of gRPC.
    pub(super) fn is_grpc(&self) -> bool {
        self.content_type
            .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
    }

    /// Returns the token that the caller shows, if he shows one.
    pub(super) fn token(&self) -> Option<&'h [u8]> {
        let (scheme, token) = self.authorization?.as_bytes().split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::codegen::http::HeaderName;

    #[test]
    fn each_header_is_found_once() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("te", "trailers"),
            ("content-type", "application/grpc+proto"),
            ("grpc-timeout", "1S"),
            ("authorization", "bearer secret"),
            ("x-request-id", "first"),
            ("x-request-id", "second"),
        ] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let head = Head::read(&headers);
        assert!(head.is_grpc());
        assert_eq!(head.token(), Some(&b"secret"[..]));
        assert_eq!(head.timeout.unwrap(), "1S");
        assert_eq!(head.request_id.unwrap(), "first");
        assert!(head.encoding.is_none() && head.trace_parent.is_none());
        let bytes: usize = headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + 32)
            .sum();
        assert_eq!(head.bytes, bytes);
        assert!(!Head::read(&HeaderMap::new()).is_grpc());
    }

    #[test]
    fn tokens_are_those_of_bearers() {
        let token_of = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("authorization", value.parse().unwrap());
            Head::read(&headers).token().map(<[u8]>::to_vec)
        };
        assert_eq!(token_of("Bearer abc"), Some(b"abc".to_vec()));
        assert_eq!(token_of("bearer abc"), Some(b"abc".to_vec()));
        for other in ["Basic abc", "Bearer", "abc", ""] {
            assert_eq!(token_of(other), None, "{other}");
        }
    }
}
