//! Placet: a sidecar authorization daemon for content management systems.
//!
//! # The map
//!
//! Two rivers meet in one place. **The policy river** runs from disk to a snapshot, **the request river** from a question to a
//! decision; they meet in [`store::PolicyStore::current`].
//!
//! | room | what lives there |
//! |---|---|
//! | [`vocab`] | words that everyone shares: values, operators, reasons, moments, networks, limits |
//! | [`source`] | text with spans, JSON, diagnostics |
//! | [`policy`] | what a profile declares, names still text, no dialect left |
//! | [`dialect`] | readers: native, Nick |
//! | [`validate`] | every check; the only maker of a [`validate::ValidPolicy`] |
//! | [`model`] | the compiled form: ids and tables |
//! | [`compile`](mod@compile) | from a valid policy to a model; it cannot fail |
//! | [`load`] | the whole river: scan, read, merge, validate, compile |
//! | [`engine`] | from a question to a decision; pure |
//! | [`observe`] | logs |
//! | [`store`] | the published snapshots, watching, reloading |
//! | [`rpc`] | the wire: decode, answer, encode |
//! | [`server`] | listening, health, reflection, stopping |
//! | [`cli`] | commands |
//!
//! # Invariants
//!
//! 1. One request takes the published table once, batches included.
//! 2. A model exists only if its profile had no errors.
//! 3. A failed reload changes nothing but health and the log.
//! 4. The engine is a pure function of model and question; a traced answer is the same run with a recorder.
//! 5. Every compiled grant, constraint and transition has an origin.
//! 6. Protobuf types stay in [`rpc`]; JSON text enters only through [`source`]; ids never leave their snapshot.
//! 7. After [`dialect`], nobody branches on the dialect.
//!
//! # How do I add …
//!
//! * **an operator?** A row in [`vocab::operator`]; the compiler names the arms in `engine/test.rs`; then the naive evaluator
//!   of the tests, the proto enum, and `tests/corpus/decisions/condition/<operator>.json`.
//! * **a dialect?** A reader beside [`dialect`], a row in its table, `tests/corpus/dialects/<name>`, a sample in `policies/`.
//! * **a call?** The proto with comments, a question in [`engine`] if it is a new one, a file in [`rpc`], a door test.
//! * **a check on profiles?** A row in [`source::code`], a function in [`validate`], a case in `tests/corpus/diagnostics/<code>`.

pub mod cli;
pub mod compile;
pub mod dialect;
pub mod engine;
pub mod load;
pub mod model;
pub mod observe;
pub mod policy;
pub mod rpc;
pub mod server;
pub mod source;
pub mod store;
pub mod validate;
pub mod vocab;
