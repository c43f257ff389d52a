//! Every maximum, on one page.

use std::time::Duration;

/// Nesting of objects and lists in a profile file.
pub const NESTING_DEPTH_MAX: usize = 64;
/// Bytes of one profile file.
pub const FILE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Alternatives that one condition may be tried on because its paths run through lists of related items.
pub const JOINED_ROWS_MAX: usize = 10_000;
/// Bytes of a compiled regular expression.
pub const PATTERN_BYTES_MAX: usize = 256 * 1024;
/// Characters of a regular expression as written.
pub const PATTERN_LENGTH_MAX: usize = 1_000;
/// Bytes of a regular expression that is written for MongoDB, which takes no more.
pub const MONGODB_PATTERN_BYTES_MAX: usize = 32_764;
/// Bytes of text that a regular expression is run on; longer text matches nothing.
pub const PATTERN_TEXT_BYTES_MAX: usize = 64 * 1024;
/// Positions of one geometry, in a condition or in an item that one looks at.
pub const GEOMETRY_POSITIONS_MAX: usize = 1_000;
/// How deep `_some_permitted` may ask about items related to related items.
pub const PERMITTED_DEPTH_MAX: usize = 4;
/// Decisions that may be tried to find what is missing for one allow.
pub const MISSING_TRIALS_MAX: usize = 256;
/// Values that one attribute which a denial lacks is compared with.
pub const MISSING_VALUES_MAX: usize = 32;
/// Decisions that all answers of one request together may try to find what is missing.
pub const MISSING_REQUEST_TRIALS_MAX: usize = 4_096;
/// Moments that may be tried to find when an answer changes.
pub const VALIDITY_TRIALS_MAX: usize = 64;
/// Grants named in one decision.
pub const DECIDING_GRANTS_MAX: usize = 32;

/// Bounds how many repeated keys of one file are reported one by one; the rest would only repeat the message.
pub const DUPLICATE_KEYS_REPORTED_MAX: usize = 100;

/// Bounds how many broken lines of one file of JSON lines are reported one by one.
pub const BROKEN_LINES_REPORTED_MAX: usize = 100;

/// Bounds the characters of a name that still gets a "did you mean"; longer ones are no typing mistakes.
pub const SUGGESTION_CHARS_MAX: usize = 64;

/// Bounds the characters of user input that a message repeats.
pub const QUOTED_CHARS_MAX: usize = 80;

/// Bounds the bytes of source text shown around a place.
pub const EXCERPT_BYTES_MAX: usize = 512;

/// Roles of a profile.
pub const ROLES_MAX: usize = 4_096;
/// Groups of a profile.
pub const GROUPS_MAX: usize = 100_000;
/// Users that a profile knows itself.
pub const USERS_MAX: usize = 1_000_000;
/// Declared actions of a profile.
pub const ACTIONS_MAX: usize = 4_096;
/// Declared collections of a profile.
pub const COLLECTIONS_MAX: usize = 16_384;
/// Declared fields of one collection.
pub const FIELDS_MAX: usize = 4_096;
/// Grants of a profile.
pub const GRANTS_MAX: usize = 2_000_000;
/// Constraints of a profile.
pub const CONSTRAINTS_MAX: usize = 100_000;
/// Document grants of a profile.
pub const DOCUMENT_GRANTS_MAX: usize = 2_000_000;
/// Workflows of a profile.
pub const WORKFLOWS_MAX: usize = 4_096;
/// States of one workflow.
pub const STATES_MAX: usize = 1_024;
/// Transitions of one workflow.
pub const TRANSITIONS_MAX: usize = 4_096;
/// Approval rules of one transition.
pub const APPROVAL_RULES_MAX: usize = 16;
/// People that one approval rule may ask for.
pub const APPROVERS_MAX: u32 = 64;
/// Comparisons and groups of one condition.
pub const CONDITION_NODES_MAX: usize = 10_000;
/// Nesting of one condition.
pub const CONDITION_DEPTH_MAX: usize = 128;
/// Names that are compared to find those that were probably meant; what is wrong after that gets no hint.
pub const SUGGESTION_COMPARISONS_MAX: usize = 400_000;
/// Times that a grant is compared with what a transition asks for, to find the transitions which nobody can take.
pub const TAKEABLE_TRIALS_MAX: usize = 20_000_000;
/// Bounds how long a list may become by an object that is laid over it and names a high index.
pub const MERGED_LIST_MAX: usize = 10_000;

/// Bounds how many profiles one root may hold.
pub const PROFILES_MAX: usize = 1_000;

/// Bounds how many `.json` and `.jsonl` files one profile may hold.
pub const PROFILE_FILES_MAX: usize = 20_000;

/// Bounds how many directory entries are looked at for one profile, those that are skipped included.
pub const PROFILE_ENTRIES_MAX: usize = 100_000;

/// Bytes of a file of grants on documents, which is read in pieces; it counts for the profile and the root as well.
pub const DOCUMENT_GRANTS_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Is the least length of a piece of such a file but for the last one.
pub const PIECE_BYTES_MIN: usize = 16 * 1024;

/// Bounds the bytes after which a piece ends with the next line, whatever that is.
pub const PIECE_BYTES_MAX: usize = 256 * 1024;

/// Bounds the bytes of all files of one profile together.
pub const PROFILE_BYTES_MAX: usize = 512 * 1024 * 1024;

/// Bounds the bytes of all profiles of one root together, since one scan holds them in memory at once.
pub const ROOT_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// Bounds how deep directories inside a profile may lie; its own directory has depth 0.
pub const DIRECTORY_DEPTH_MAX: usize = 16;

/// Bounds how often one scan starts over because files changed under it.
pub const READ_ATTEMPTS_MAX: u32 = 5;

/// Bounds how soon after the beginning of one reload the next one begins, whoever asks for it.
pub const RELOAD_PAUSE_MIN: Duration = Duration::from_millis(50);

/// Bounds the rest after a reload, which is otherwise as long as the reload took.
pub const RELOAD_REST_MAX: Duration = Duration::from_secs(5);

/// Bounds how often the watching of files is begun anew after a watcher died; each leaves a little memory behind.
pub const WATCHERS_LOST_MAX: usize = 16;

/// Bounds the time for which stale profiles may be configured to be served.
pub const STALE_SECONDS_MAX: u64 = 31_536_000;

/// Bounds the bytes of a name, id or path in a request.
pub const NAME_BYTES_MAX: usize = 1024;

/// Bounds the entries of a list in a request wherever nothing else is said.
pub const LIST_ENTRIES_MAX: usize = 1024;

/// Bounds the roles in one list of roles of a request.
pub const CLAIMED_ROLES_MAX: usize = 256;

/// Bounds the groups of a subject.
pub const CLAIMED_GROUPS_MAX: usize = 256;

/// Bounds the approvals of a context.
pub const APPROVALS_MAX: usize = 256;

/// Bounds the local roles of one node, the resource or an ancestor.
pub const LOCAL_ROLES_MAX: usize = 1024;

/// Bounds the ancestors of a resource.
pub const ANCESTORS_MAX: usize = 64;

/// Bounds the bytes of an explanation.
pub const EXPLANATION_BYTES_MAX: usize = 16 * 1024;

/// Bounds the bytes of a digest of content.
pub const CONTENT_DIGEST_BYTES_MAX: usize = 256;

/// Bounds the values in one object of attributes, changes or a document.
pub const ATTRIBUTE_VALUES_MAX: usize = 10_000;

/// Bounds the nesting of attributes, changes and documents; objects and lists count, the outermost included.
pub const ATTRIBUTE_DEPTH_MAX: usize = 32;

/// Bounds the questions of one batch.
pub const BATCH_CHECKS_MAX: usize = 1000;

/// Bounds the languages that one plan is rendered in.
pub const PLAN_TARGETS_MAX: usize = 8;

/// Bounds the nodes of the filters of one plan.
pub const PLAN_NODES_MAX: usize = 10_000;

/// Bounds how deep the filter of a plan may be.
pub const PLAN_DEPTH_MAX: usize = 40;

/// Bounds the documents that one plan names by their ids.
pub const PLAN_IDS_MAX: usize = 10_000;

/// Bounds the constraints with presets of which the item decides whether they apply to a write that is planned.
pub const PLAN_PRESETS_MAX: usize = 4;

/// Bounds how many fields of a request one status complains about.
pub const FIELD_VIOLATIONS_MAX: usize = 32;

/// Bounds the bytes of all complaints of one status: they travel as a trailer, and clients cap those at 8 KiB and up.
pub const FIELD_VIOLATION_BYTES_MAX: usize = 4 * 1024;

/// Bounds the bytes of a path as a complaint shows it.
pub const SHOWN_PATH_BYTES_MAX: usize = 256;

/// Bounds the text of one comparison in a trace.
pub const LEAF_TEXT_BYTES_MAX: usize = 1024;

/// Bounds the events of one trace.
pub const TRACE_EVENTS_MAX: usize = 1000;

/// Bounds the facts of one way out of a denial.
pub const MISSING_FACTS_MAX: usize = 8;
/// Bounds how many bases one profile may name; each may have bases of its own.
pub const BASES_MAX: usize = 64;

/// Bounds the complaints that are kept of one profile; errors are kept before warnings.
pub const DIAGNOSTICS_MAX: usize = 10_000;

/// Bounds the complaints about one profile that one line of the log repeats.
pub const DIAGNOSTICS_LOGGED_MAX: usize = 20;

/// Bounds the requests that have begun and are not answered; further ones are refused to connections that have their share.
pub const REQUESTS_IN_FLIGHT_MAX: usize = 4_096;

/// Is the share of one connection: so many requests at once it may have even where there are too many in all.
pub const REQUESTS_SHARE_MIN: usize = 8;

/// Bounds the time of one request that is no decision, a reload that is waited for included.
pub const REQUEST_TIME_MAX: Duration = Duration::from_secs(60);

/// Bounds the time in which the message of a request must have arrived once its headers have.
pub const BODY_TIME_MAX: Duration = Duration::from_secs(10);

/// Bounds the bytes of all messages that have arrived in part.
pub const GATHERED_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Bounds the time that the questions of one batch are worked on; those of other connections wait meanwhile.
pub const WORK_TIME_MAX: Duration = Duration::from_secs(2);

/// Bounds the threads that serve decisions.
pub const THREADS_MAX: u64 = 64;

/// Bounds what the connections of all listeners together may be configured to be; the next one is closed at once.
pub const CONNECTIONS_MAX: u64 = 65_536;

/// Bounds the time from a new connection to the end of its handshakes, that of TLS and that of HTTP/2.
pub const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(5);

/// Bounds how long a connection that is old enough to end may finish what it has begun.
pub const AGED_TIME_MAX: Duration = Duration::from_secs(60);

/// Bounds the seconds that a connection may be configured to live.
pub const CONNECTION_AGE_SECONDS_MAX: u64 = 7 * 24 * 3_600;

/// Bounds the connections that one listener for gRPC takes in a second, but for a few at once; the next ones wait to be accepted.
pub const ACCEPTS_PER_SECOND_MAX: u64 = 1_000;

/// Bounds the work of a second for streams that are reset, and for what is no call; whoever causes more is read later.
pub const WASTE_PER_SECOND_MAX: Duration = Duration::from_millis(5);

/// Bounds how long a connection that caused such work is not read.
pub const WASTE_REST_MAX: Duration = Duration::from_secs(10);

/// Bounds the connections that wait to be accepted.
pub const BACKLOG_MAX: i32 = 1_024;

/// Bounds a file with a certificate, a key, or callers.
pub const SECRET_FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Bounds the callers that one listener knows.
pub const CALLERS_MAX: usize = 1_024;

/// Is the least length of a token: shorter ones can be guessed.
pub const TOKEN_BYTES_MIN: usize = 16;

/// Is how often files of certificates, keys and callers are looked at.
pub const SECRETS_EVERY: Duration = Duration::from_secs(2);

/// Is how long before its end a certificate is complained about.
pub const CERTIFICATE_WARNING: Duration = Duration::from_secs(14 * 24 * 3_600);

/// Bounds what the largest request may be configured to be.
pub const MESSAGE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Is the least that the largest request may be configured to be: any single question fits.
pub const MESSAGE_BYTES_MIN: u64 = 64 * 1024;

/// Bounds the bytes of a configuration file.
pub const CONFIG_BYTES_MAX: u64 = 1024 * 1024;

/// Bounds the bytes of the id by which a caller finds his request again.
pub const REQUEST_ID_BYTES_MAX: usize = 128;

/// Bounds the lines of the log that wait to be written.
pub const LOG_LINES_WAITING_MAX: usize = 10_000;

/// Bounds the connections of one listener for HTTP, or for health alone; the next ones wait.
pub const HTTP_CONNECTIONS_MAX: usize = 64;

/// Bounds how long the head of a request over HTTP may take to arrive.
pub const HTTP_HEAD_TIME_MAX: Duration = Duration::from_secs(5);

/// Bounds how long a connection for HTTP lives.
pub const HTTP_CONNECTION_TIME_MAX: Duration = Duration::from_secs(300);

/// Bounds how many places the daemon listens on.
pub const LISTENERS_MAX: usize = 16;

/// Bounds the bytes of the name of a listener.
pub const LISTENER_NAME_BYTES_MAX: usize = 32;

/// Bounds the time that requests in flight may be given at the end.
pub const DRAIN_SECONDS_MAX: u64 = 3_600;

/// Bounds the streams that one connection may have open.
pub const STREAMS_PER_CONNECTION_MAX: u32 = 256;

/// Bounds one frame of HTTP/2.
pub const FRAME_BYTES_MAX: u32 = 64 * 1024;

/// Bounds the headers of one request.
pub const HEADER_BYTES_MAX: usize = 16 * 1024;

/// Bounds the headers that HTTP/2 reads at all: those between the two limits get a status.
pub const HEADER_BYTES_READ_MAX: u32 = 64 * 1024;

/// Bounds the streams of one connection that were reset and are not yet forgotten.
pub const RESET_STREAMS_MAX: usize = 512;

/// Bounds what a client may send on one stream before it must wait for us.
pub const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;

/// Bounds what a client may send on one connection before it must wait for us.
pub const CONNECTION_WINDOW_BYTES: u32 = 4 * 1024 * 1024;

/// Is how often a silent connection is probed.
pub const KEEPALIVE_EVERY: Duration = Duration::from_secs(30);

/// Bounds how long the answer to such a probe may take.
pub const KEEPALIVE_PATIENCE: Duration = Duration::from_secs(20);

/// Bounds how many alternatives are named as missing for an allow.
pub const MISSING_ALTERNATIVES_MAX: usize = 8;

/// Bounds the complaints about one profile that its status tells.
pub const DIAGNOSTICS_TOLD_MAX: usize = 1000;

/// Bounds the parameters of a filter in SQL: as many as SQLite takes by default.
pub const SQL_PARAMETERS_MAX: usize = 32_766;

/// Bounds the bytes of a file that holds a request or a part of one.
pub const REQUEST_FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
