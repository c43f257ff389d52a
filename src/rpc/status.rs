//! Every status that a call can fail with, and nowhere else: code, message, details. Those of the door (`server`) are here, too.
//!
//! A denial is an answer and never comes by here. No message holds anything of a policy or of other people: it repeats names
//! that the caller sent, cleaned, and says what to do.

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::out::Out;
use super::proto::fields as field;
use super::violation::{Path, Violations};
use crate::source::diagnostic::quote;
use crate::vocab::limits::{BODY_TIME_MAX, HEADER_BYTES_MAX};

/// Names whose reasons the details carry.
const DOMAIN: &str = "placet";

/// Tells clients when to try again while a profile or the daemon is not ready.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Says that the request makes no sense, and which fields do not.
pub(super) fn invalid(violations: &Violations) -> Status {
    let mut details = info("INVALID_REQUEST", []);
    for violation in violations.list() {
        details.add_bad_request_violation(&violation.field, &violation.description);
    }
    Status::with_error_details(Code::InvalidArgument, violations.summary(), details)
}

/// Says the same of one question of a batch.
pub(super) fn invalid_check(out: &mut Out<'_>, violations: &Violations) {
    out.number(field::check_error::CODE, Code::InvalidArgument as u64);
    out.text(field::check_error::MESSAGE, &violations.summary());
    for violation in violations.list() {
        out.part(field::check_error::FIELD_VIOLATIONS, |out| {
            out.text(field::field_violation::FIELD, &violation.field);
            out.text(field::field_violation::DESCRIPTION, &violation.description);
        });
    }
}

/// Says that the request names no profile where it has to.
pub(super) fn no_default_profile() -> Status {
    let description = "is empty, and there is no default profile";
    let mut details = info("NO_DEFAULT_PROFILE", []);
    details.add_bad_request_violation("profile", description);
    let message = "name a profile: the daemon serves several and none of them is the default";
    Status::with_error_details(Code::InvalidArgument, message, details)
}

/// Says that there is no such profile.
pub(super) fn unknown_profile(profile: &str) -> Status {
    let message = format!("there is no profile {}", quote(profile));
    not_found("UNKNOWN_PROFILE", "placet.v1/Profile", profile, message)
}

/// Says that the profile has no such workflow.
pub(super) fn unknown_workflow(workflow: &str) -> Status {
    let message = format!("the profile has no workflow {}", quote(workflow));
    not_found("UNKNOWN_WORKFLOW", "placet.v1/Workflow", workflow, message)
}

/// Says that the profile has no such collection.
pub(super) fn unknown_collection(collection: &str) -> Status {
    let message = format!("the profile has no collection {}", quote(collection));
    not_found("UNKNOWN_COLLECTION", "placet.v1/Collection", collection, message)
}

/// Says that the collection has no workflow.
pub(super) fn no_workflow(collection: &str) -> Status {
    let message = format!("the collection {} has no workflow", quote(collection));
    not_found("NO_WORKFLOW", "placet.v1/Collection", collection, message)
}

/// Says that the profile is there and cannot be served: its files were never good.
pub(super) fn never_loaded(profile: &str) -> Status {
    let mut details = info("NEVER_LOADED", [("profile", clean(profile))]);
    details.set_retry_info(Some(RETRY_AFTER));
    let message = format!("the profile {} could not be loaded yet", quote(profile));
    Status::with_error_details(Code::Unavailable, message, details)
}

/// Says that the files of the profile have been broken or gone for longer than the daemon may go on without them.
pub(super) fn stale_too_long(profile: &str) -> Status {
    let mut details = info("STALE_TOO_LONG", [("profile", clean(profile))]);
    details.set_retry_info(Some(RETRY_AFTER));
    let message = format!("the profile {} has been stale for too long", quote(profile));
    Status::with_error_details(Code::Unavailable, message, details)
}

/// Says that nothing is loaded yet.
pub(super) fn not_ready() -> Status {
    let mut details = info("NOT_READY", []);
    details.set_retry_info(Some(RETRY_AFTER));
    Status::with_error_details(Code::Unavailable, "no profile is loaded yet", details)
}

/// Says that the daemon is about to end.
pub(super) fn stopping() -> Status {
    let mut details = info("STOPPING", []);
    details.set_retry_info(Some(RETRY_AFTER));
    Status::with_error_details(Code::Unavailable, "the daemon is stopping", details)
}

/// Says that the files cannot be read; why stands in the log, as paths are no business of clients.
pub(super) fn unreadable_root() -> Status {
    let mut details = info("UNREADABLE_PROFILES", []);
    details.set_retry_info(Some(RETRY_AFTER));
    let message = "the directory of profiles cannot be read; the log of the daemon tells why";
    Status::with_error_details(Code::Unavailable, message, details)
}

/// Says that another version of the profile is live than the one that the request pins.
pub(super) fn other_digest(profile: &str, live: &str) -> Status {
    let mut details = info("OTHER_DIGEST", [("live_digest", live.to_owned())]);
    let description = "the request pins another version than the live one";
    details.add_precondition_failure_violation("DIGEST", clean(profile), description);
    let message = format!("another version of the profile {} is live", quote(profile));
    Status::with_error_details(Code::FailedPrecondition, message, details)
}

/// Says that the filter of a plan would be too large; `why` tells the limits.
pub(super) fn plan_too_large(why: &str) -> Status {
    Status::with_error_details(Code::ResourceExhausted, why, info("PLAN_TOO_LARGE", []))
}

/// Says that the rules of the profile cannot be a filter.
pub(super) fn unplannable(why: &str) -> Status {
    let message = format!("there is no plan: {why}");
    Status::with_error_details(Code::FailedPrecondition, message, info("NOT_PLANNABLE", []))
}

/// Says that the daemon has too much to do, and that the request was not looked at; `what` there is too much of.
pub(crate) fn overloaded(what: &str) -> Status {
    let mut details = info("OVERLOADED", []);
    details.set_retry_info(Some(RETRY_AFTER));
    Status::with_error_details(
        Code::ResourceExhausted,
        format!("too much at once: {what}"),
        details,
    )
}

/// Says that the message is larger than this daemon takes, as sent or once unpacked.
pub(crate) fn too_large(limit: usize) -> Status {
    let message = format!("the message has more than {limit} bytes");
    let details = info("MESSAGE_TOO_LARGE", [("limit", limit.to_string())]);
    Status::with_error_details(Code::ResourceExhausted, message, details)
}

/// Says that the headers are larger than this daemon takes.
pub(crate) fn headers_too_large() -> Status {
    let message = format!("the headers have more than {HEADER_BYTES_MAX} bytes");
    Status::with_error_details(
        Code::ResourceExhausted,
        message,
        info("HEADERS_TOO_LARGE", [("limit", HEADER_BYTES_MAX.to_string())]),
    )
}

/// Says that the message did not arrive in time.
pub(crate) fn too_slow() -> Status {
    let seconds = BODY_TIME_MAX.as_secs();
    let message = format!("the message did not arrive within {seconds} s");
    Status::with_error_details(Code::DeadlineExceeded, message, info("MESSAGE_TOO_SLOW", []))
}

/// Says that the deadline of the caller, or the time that one request may take, is over.
pub(crate) fn deadline_exceeded() -> Status {
    let message = "the request could not be answered in the time that it had";
    Status::with_error_details(Code::DeadlineExceeded, message, info("DEADLINE_EXCEEDED", []))
}

/// Says that what arrived is no message of the call, and why.
pub(crate) fn malformed(why: &str) -> Status {
    let message = format!("the request is no message of this call: {why}");
    Status::with_error_details(Code::InvalidArgument, message, info("MALFORMED_MESSAGE", []))
}

/// Says that the message is packed in a way that this daemon does not know.
pub(crate) fn unknown_encoding(name: &str) -> Status {
    let message = format!("the encoding {} is not known here, use gzip or none", quote(name));
    Status::with_error_details(Code::Unimplemented, message, info("UNKNOWN_ENCODING", []))
}

/// Says that there is no such call.
pub(crate) fn unknown_call() -> Status {
    let message = "there is no such call";
    Status::with_error_details(Code::Unimplemented, message, info("UNKNOWN_CALL", []))
}

/// Says that the caller is not known.
pub(crate) fn unknown_caller() -> Status {
    let message =
        "the caller is not known: send a known token as `authorization: Bearer …`, or a known certificate";
    Status::with_error_details(Code::Unauthenticated, message, info("UNKNOWN_CALLER", []))
}

/// Says that the caller may not do this.
pub(crate) fn not_permitted(what: &str) -> Status {
    let message = format!("this caller may not {what}");
    Status::with_error_details(Code::PermissionDenied, message, info("NOT_PERMITTED", []))
}

/// Says that this listener does not offer the call to anybody.
pub(crate) fn not_offered(what: &str) -> Status {
    let message = format!("this address does not serve callers who want to {what}; another one may");
    Status::with_error_details(Code::PermissionDenied, message, info("NOT_OFFERED_HERE", []))
}

/// Says that we erred.
pub(crate) fn fault() -> Status {
    let message = "the request made the daemon fail; nothing is allowed by this";
    Status::with_error_details(Code::Internal, message, info("FAULT", []))
}

/// Says that one field of the request makes no sense.
pub(super) fn invalid_field(path: &Path<'_>, description: impl Into<String>) -> Status {
    invalid(&Violations::one(path, description))
}

fn not_found(reason: &str, kind: &str, name: &str, message: String) -> Status {
    let mut details = info(reason, []);
    details.set_resource_info(kind, clean(name), "", message.as_str());
    Status::with_error_details(Code::NotFound, message, details)
}

fn info<const N: usize>(reason: &str, metadata: [(&str, String); N]) -> ErrorDetails {
    let metadata: HashMap<String, String> = metadata
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    let mut details = ErrorDetails::new();
    details.set_error_info(reason, DOMAIN, metadata);
    details
}

/// Returns a name of the caller's as details may repeat it: short, and nothing in it acts on a terminal or a log.
fn clean(name: &str) -> String {
    quote(name).trim_matches('`').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_carry_their_details() {
        let violations = Violations::one(&Path::ROOT.name("subject").name("id"), "has a control character");
        let status = invalid(&violations);
        let details = status.get_error_details();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(status.message(), "subject.id: has a control character");
        assert_eq!(
            details.bad_request().unwrap().field_violations[0].field,
            "subject.id"
        );
        assert_eq!(details.error_info().unwrap().reason, "INVALID_REQUEST");

        let status = never_loaded("a");
        assert_eq!(
            status.get_error_details().retry_info().unwrap().retry_delay,
            Some(RETRY_AFTER)
        );
        let status = other_digest("a", "00");
        let details = status.get_error_details();
        assert_eq!(details.precondition_failure().unwrap().violations[0].subject, "a");
        assert_eq!(details.error_info().unwrap().metadata["live_digest"], "00");
    }

    #[test]
    fn echoed_names_are_cleaned() {
        let status = unknown_profile("a\u{1b}[2J\n");
        assert_eq!(status.message(), "there is no profile `a\\u{1b}[2J\\u{a}`");
        let details = status.get_error_details();
        assert_eq!(
            details.resource_info().unwrap().resource_name,
            "a\\u{1b}[2J\\u{a}"
        );
    }
}
