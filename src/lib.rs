//! Placet: a sidecar authorization daemon for content management systems.
//!
//! # The map
//!
//! The house has a room for each step, and the same file name for the same subject in every room: find the room by the step,
//! the file by the subject (`grant.rs`, `workflow.rs`, `condition.rs`, `role.rs`). A room imports only rooms above it in this
//! table; `tests/it/tidy.rs` holds the exact list and fails on anything else. Each room's first page says what comes in, what
//! goes out, what holds there, and which file to read first.
//!
//! | room | what lives there |
//! |---|---|
//! | [`vocab`] | words that everyone shares: values, operators, reasons, moments, networks, every limit |
//! | [`source`] | text in which everything knows its place; JSON; complaints, and how people see them |
//! | [`policy`] | what a profile declares: names are still text, and no dialect is left |
//! | [`model`] | the compiled policy: ids instead of names, tables instead of lists |
//! | [`dialect`] | readers of profiles: native, Nick |
//! | [`validate`] | every check; the only maker of a [`validate::ValidPolicy`] |
//! | [`engine`] | from a model and a question to a decision; pure |
//! | [`compile`](mod@compile) | from a valid policy to a model; it cannot fail |
//! | [`load`] | the policy river on one screen: read, parse, lower, merge, validate, compile |
//! | [`observe`] | the log |
//! | [`store`] | what is served now, and how that changes: watching, reloading, publishing |
//! | [`rpc`] | the wire: decode, ask the engine, encode |
//! | [`server`] | listening, health, reflection, bounds on requests, stopping |
//! | [`cli`] | the commands |
//!
//! # Two rivers
//!
//! They meet in one place, [`store::PolicyStore::current`].
//!
//! **From a file to a snapshot.** [`store::watch`] notices that something may have changed and calls [`store::reload`], which
//! reads the root ([`load::discover`]) and hands the bytes to [`load::load`]. There [`source::json`] makes trees with spans, a
//! [`dialect::Dialect`] lowers them into a [`policy::Policy`], bases of other dialects are merged in ([`policy::merge`]),
//! [`validate`] collects whatever is wrong, and [`compile`](mod@compile) fills the tables of a [`model::Model`]. Back in
//! [`store::reload`], all good profiles of the scan are published in one swap; a broken one keeps its last good version.
//! `placet validate` is the same way without the last step.
//!
//! **From a question to a decision.** [`server`] bounds the request, [`rpc`] decodes it into an [`engine::query::Query`] that
//! borrows its text, and takes the published table once. [`engine::check`] binds names to ids, finds the effective roles
//! ([`engine::role`]), and goes through its steps; conditions run in [`engine::condition`]. The [`engine::decision::Decision`] speaks in
//! ids; [`rpc::encode`] makes names, places and sentences of it. Lists, fields and batches ask the same [`engine::check`]; a trace is
//! the same run with a [`engine::trace`] recorder; `placet check` is the same call without a wire.
//!
//! # Invariants
//!
//! 1. One request takes the published table once, batches included.
//! 2. A model exists only if its profile had no errors; warnings travel in the snapshot.
//! 3. A failed reload changes nothing but health, status and the log.
//! 4. The engine is a pure function of model and question: no clock, no lock, no log. The moment arrives with the question.
//! 5. Every compiled grant, constraint and transition has an origin: file, line, column.
//! 6. Protobuf types stay in [`rpc`] and those who call it; the text of profiles enters only through [`source`]; an id never crosses the wire or
//!    outlives its snapshot.
//! 7. After [`dialect`], nobody branches on the dialect or its mode. If a CMS means something new, [`policy`] learns to say it.
//! 8. Denied is what nothing allows, and what a request does not tell never helps the asker.
//! 9. Everything that grows has a maximum in [`vocab::limits`].
//!
//! # Lexicon
//!
//! * **profile**: a directory of files, one domain of policy. **Base**: a profile below another one. **Layer**: a directory
//!   inside a profile. **Dialect**: the form in which it is written. **Mode**: how closely its CMS is followed.
//! * **subject**: who asks. **Resource** or **item**: what is asked about. **Collection**: its type.
//! * **in reach**: a grant for these roles, this collection, action and state. **Matching**: in reach, and scope, condition and
//!   network hold as well.
//! * **open**: what the request does not tell. **Conditional**: an answer for "some item" that rests on something open.
//! * **stored** and **submitted**: the two tables of comparisons, for the item as it is and for proposed values.
//! * **snapshot**: one version of one profile, as it is served. **Stale**: the last good version of what is now broken.
//! * **strict** and **exact**: what a CMS documents, and what it does.
//!
//! # How do I add …
//!
//! * **an operator?** A row in [`vocab::operator`]. The compiler names the arms in `engine/test.rs` and [`rpc`]; then its operands
//!   (`validate/operand.rs`), the enum in the contract, the naive evaluator (`tests/it/reference`),
//!   `tests/corpus/decisions/condition/<operator>.json`, the table in README.
//! * **a dialect?** A reader `dialect/<name>.rs`, a row in [`dialect::DIALECTS`], `tests/corpus/dialects/<name>/`, a sample in
//!   `policies/`, its row in README. If anything else has to change, [`policy`] lacks a word.
//! * **a call?** The contract with its comments, `engine/<question>.rs` if the question is new, `rpc/<call>.rs` and its line in
//!   `rpc/service.rs`, a property that it agrees with `Check`, a call in `tests/door/calls.json`, its row in README.
//! * **a check on profiles?** A row in [`source::code`], a function in `validate/<subject>.rs`, a case in
//!   `tests/corpus/diagnostics/<code>/`; `UPDATE_GOLDEN=1 cargo test readme` writes it into README.
//! * **a key of the native format?** The reader of its file (`dialect/native_….rs`), the word for it in [`policy`], its row in README.
//! * **an option?** The command's file in [`cli`], with its environment variable, and its row in README.
//! * **a reason?** [`vocab::effect::Reason`], the enum in the contract, the step in [`engine`] that finds it, its row in README.

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
