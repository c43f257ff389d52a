//! Facts of a request.
