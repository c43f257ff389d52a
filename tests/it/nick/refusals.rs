//! What Nick's seed refuses is an error at its place; what it lets pass is at most a warning.

#[test]
fn placeholder() {}
