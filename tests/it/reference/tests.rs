//! Hand-made cases that pin the reading of the semantics.
