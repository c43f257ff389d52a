//! Placet: a sidecar authorization daemon for content management systems.
//!
//! This page is the map of the house: what lies where, how it flows, what holds everywhere, and how to add to it. `README.md`
//! says what Placet does for its users; the page at the top of each room says what the room does for the others. Whoever has
//! ten minutes reads the two rivers below and then [`engine::check`].
//!
//! # The rooms
//!
//! A room is a step of the way. Within the rooms files are called by their subject (`role`, `grant`, `workflow`, `condition`):
//! find the room by the step, the file by the subject. Rooms are one floor deep.
//!
//! | room | what lives there | what it makes of what |
//! |---|---|---|
//! | *words that everyone shares* | | |
//! | [`vocab`] | values, operators, effects and reasons, moments, networks, every maximum | |
//! | [`source`] | text and places in it, JSON, complaints and their codes | bytes → [`source::json::Json`] |
//! | *the policy river* | | |
//! | [`policy`] | what a profile declares: names still text, no dialect left | |
//! | [`dialect`] | the readers: native, Nick, both generations of Directus, Apostrophe | JSON → [`policy::Policy`] |
//! | [`validate`] | every check of a policy | [`policy::Policy`] → [`validate::ValidPolicy`] |
//! | [`model`] | the compiled form: ids, dense tables, condition programs | |
//! | [`compile`](mod@compile) | interning, tables, programs; cannot fail | [`validate::ValidPolicy`] → [`model::Model`] |
//! | [`load`](mod@load) | the whole river: scan, read, merge, validate, compile | directory → [`load::LoadedProfile`] |
//! | *the request river* | | |
//! | [`engine`] | deciding; pure | [`engine::query::Query`] → [`engine::decision::Decision`] |
//! | [`target`] | filters in the languages of databases | [`engine::filter::Filter`] → [`target::Rendering`] |
//! | *the daemon around both* | | |
//! | [`observe`] | the log, and the cells that are counted in | |
//! | [`store`] | what is served, watching, reloading | [`load::LoadedProfile`] → [`store::snapshot::Published`] |
//! | [`rpc`] | the doors: decode, ask the engine, encode | message → message, or a status |
//! | [`server`] | listening, limits on requests, health, reflection, the end | |
//! | [`cli`] | the commands, serving among them | words → an exit code |
//!
//! A room imports only rooms that stand above it; who may import whom exactly is a table in `tests/it/tidy.rs`, and that test
//! is the judge. Outside of `src`: `proto/` is the wire contract and its build script, `policies/` are the samples, `tests/it/`
//! is one binary with a module per kind of test, `tests/corpus/` its data, `tests/fuzz/` and `tests/door/` are the fuzz
//! targets and the foreign clients, `benches/` measures, and `.ci/run` runs all of it.
//!
//! # The policy river: from disk to a snapshot
//!
//! Somebody saves `policies/newsroom/grants.json`.
//!
//! 1. [`store::watch`] sees events (`store/eyes.rs`), waits until they are quiet ([`store::schedule`]), and says "changed", not
//!    what. Where no event comes, rescans notice.
//! 2. [`store::reload::Reloader`], on a thread of its own, asks [`load::discover::read_news`] for all bytes below the
//!    root, within the limits, and what is new twice; nothing later touches the disk. Requests go on with what is served.
//! 3. [`load::load`] puts bases before those that extend them. A profile whose digest is that of an earlier load is that load.
//!    One with a manifest must be complete ([`load::manifest`]).
//! 4. [`source::json::parse`] makes a tree in which every key and value has its place. A broken file is a complaint, and the
//!    other files are still parsed.
//!    Files of grants on documents, which may be very large, are cut into pieces ([`load::piece`]); what was made of a piece before
//!    is used again.
//! 5. The reader of the dialect ([`dialect::Dialect::read`]) merges the layers by its own rules and lowers them into a
//!    [`policy::Policy`]. [`policy::merge`] lays it over bases of other dialects.
//! 6. [`validate::validate`] resolves names, compares operands with types, looks for what can never match. Any error ends the
//!    load of this profile, and all of them are reported together.
//! 7. [`compile::compile`] interns names, fills tables, and gives every rule its [`model::origin::Origin`].
//! 8. The reloader compares digests, publishes all good profiles in one swap, and keeps the last good version of the others.
//!    The log, health, `GetStatus` and `WatchStatus` tell of it; [`store::rounds`] counts and lets others wait.
//!
//! `placet validate` is the steps 2 to 7 and prints the complaints. There is no second path for tools.
//!
//! # The request river: from a question to a decision
//!
//! A CMS asks `Check`.
//!
//! 1. [`server`] accepts, bounds size, time and number of requests, and catches faults of ours (`server/door.rs`).
//! 2. [`rpc::DecisionService`] takes [`store::PolicyStore::current`] once; batches do as well. **Here the two rivers meet, and
//!    nowhere else.**
//! 3. `rpc/decode.rs` checks the message against every limit and borrows a [`engine::query::Query`] from it. A message that
//!    makes no sense ends here, as a status of `rpc/status.rs`.
//! 4. [`engine::check::check`] binds names to ids, finds the effective roles ([`engine::role`]), takes the few rules that
//!    [`model::slot::Slots`] holds for this collection and action, runs their conditions ([`engine::condition`]), and goes
//!    through the steps that README lists, in that order; the first that fails is the reason.
//! 5. If it is a denial, [`engine::missing`] tries what would turn it; [`engine::validity`] finds until when the answer holds.
//! 6. `rpc/encode.rs` writes names, origins and sentences into the bytes that are sent (`rpc/out.rs`); which number a field has
//!    comes from the contract.
//!
//! An explained answer is step 4 with an [`engine::trace::Recorder`] in the place of [`engine::trace::NoTrace`]. Lists of
//! actions, transitions and fields ask step 4 for each of their entries, so they cannot differ from it. `placet check` calls
//! the same [`rpc::DecisionService`] in its own process.
//!
//! # What holds everywhere
//!
//! 1. The rivers meet in [`store::PolicyStore::current`] alone, and one request calls it once.
//! 2. A model exists only if its profile had no error; a [`validate::ValidPolicy`] is the proof. Warnings travel with it.
//! 3. A failed reload changes nothing but what is said about it: health, status, log; unless `--max-stale` ends the patience.
//!    Patience and pauses are measured by a clock that never jumps ([`store::clock`]).
//! 4. The engine is a pure function of model and question: no clock, no log, no lock, no file. The moment is in the question.
//! 5. Every compiled grant, constraint and transition has an origin; an answer can always say which line it follows.
//! 6. What a request does not tell never helps the asker, and a fault denies.
//! 7. Protobuf stays in [`rpc`] and in whom it serves; JSON of profiles enters through [`source`] alone; no id crosses the
//!    wire or outlives its snapshot.
//! 8. After [`dialect`] nobody branches on a dialect or a mode. If a CMS means something new, [`policy`] learns to say it.
//! 9. Whatever grows has a maximum in [`vocab::limits`], and each stands in README with what lies beyond it.
//! 10. Nothing panics outside of tests; an exception states its proof in `#[expect(…, reason = "…")]`.
//!
//! # The words of the house
//!
//! | word | means |
//! |---|---|
//! | profile | a directory of JSON files, one policy domain |
//! | dialect, mode | a way of writing a profile; how closely its CMS is followed |
//! | strict, exact | the modes: what a CMS documents, what it does |
//! | layer, base | a directory inside a profile; a profile that it extends |
//! | lower | to say in the neutral policy what a dialect's file says |
//! | policy | what a profile declares, with places, before it is checked |
//! | valid policy | one that passed every check |
//! | model | the compiled form; immutable |
//! | snapshot | a model with its generation, digest, time and warnings |
//! | stale | of a snapshot: the files are newer, and broken or gone |
//! | subject, resource (item), collection | who asks, about what, and of which type that is |
//! | query, decision | what is asked, what is answered, in the engine's types; on the wire: request, response |
//! | grant, constraint | what allows or denies; what holds whoever allowed |
//! | in reach, matching | a grant whose names fit the question; one whose conditions fit as well |
//! | open | what the request does not tell |
//! | conditional | an answer for "some item" that rests on something open |
//! | stored, submitted | the two tables of comparisons: for the item as it is or will be, for proposed values |
//! | origin | the file, line and column where a rule was declared |
//! | diagnostic | a complaint about a profile, with a code and a place |
//! | trace | what happened to each rule while deciding |
//!
//! Verbs, one per step: *discover, read, lower, merge, validate, compile, publish* on one side, *decode, bind, decide, encode*
//! on the other. A function begins with the verb of its step; `find_…` returns an `Option`.
//!
//! # How do I add …
//!
//! * **an operator?** A row in [`vocab::operator`]. The compiler then names the arms: what it asks of a value (`engine/test.rs`)
//!   and its word on the wire (`rpc/convert.rs`, `proto/placet/v1/decision.proto`). By hand: which types take it
//!   (`validate/subject.rs`), the naive evaluator (`tests/it/reference/leaf.rs`), and its table of cases,
//!   `tests/corpus/decisions/condition/<operator>.json`. A test asks for its row in README.
//! * **a dialect?** An implementer of [`dialect::Dialect`] in files `dialect/<name>….rs`, and a row in [`dialect::DIALECTS`];
//!   profiles and what becomes of them in `tests/corpus/dialects/<name>/`; a sample in `policies/` with cases in
//!   `tests/corpus/decisions/`; a row under "Compatibility" in README. If anything behind `dialect` must change, it is
//!   [`policy`] that lacks a word: talk first.
//! * **a call?** The proto, with comments, which are its reference; a file in [`engine`] if the question is new; a file in
//!   [`rpc`] with a plain function of [`rpc::DecisionService`], and its line in `rpc/service.rs`; a property in
//!   `tests/it/agreement.rs`, a test of the door in `tests/it/grpc.rs`, a question to
//!   foreign clients in `tests/door/calls.json`; a row in README.
//! * **a check on profiles?** A row in [`source::code`], a function in the file of its subject in [`validate`] (or in the reader,
//!   if only a dialect can see it), a case in `tests/corpus/diagnostics/<code>/`; `UPDATE_GOLDEN=1 cargo test readme` writes
//!   it into README.
//! * **a key of the native format?** The reader of its file (`dialect/native_….rs`), a word for it in [`policy`], its row in
//!   README.
//! * **a reason?** A variant of [`vocab::effect::Reason`]; the compiler leads to its sentence (`rpc/words.rs`) and to the wire
//!   (`rpc/convert.rs`, `decision.proto`). Released reasons keep their meaning.
//! * **a command?** A file in [`cli`] and a variant of [`cli::Command`]; what it prints goes through [`cli::output`], how it ends
//!   is a row of [`cli::exit`]. Options have variables of the environment, and rows in README.
//! * **an option of the daemon?** A field of [`server::settings::Settings`], with its default, its variable, and a doc comment, which
//!   is its help; which values make sense, in [`server::effective`]; a row in README.
//! * **a metric?** A cell in [`observe::counts`] where it is counted, a row of [`server::metrics::METRICS`] and the arm that writes it
//!   in the same file; a row in README.
//! * **a limit?** A constant in [`vocab::limits`], who refuses what lies beyond (a diagnostic or a status), a test on both sides
//!   of it, a row in README.
//!
//! Golden files are rewritten by `UPDATE_GOLDEN=1 cargo test` and reviewed like code.

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
pub mod target;
pub mod validate;
pub mod vocab;
