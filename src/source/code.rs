//! Every code that a complaint about a profile can have, with its severity and what it means.
//!
//! A new check begins with a row here. Once released, a code keeps its meaning.

use crate::source::diagnostic::Severity;

macro_rules! codes {
    ($($variant:ident = $name:literal, $severity:ident, $meaning:literal;)*) => {
        /// Names a kind of complaint about a profile.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $meaning] $variant,)*
        }

        impl Code {
            /// Lists every code in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the name that people and machines see, and that never changes.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Returns the severity that such a complaint has unless its maker says otherwise.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }

            /// Returns one sentence that says what the code means.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

codes! {
    // The text of a file.
    InvalidJson = "invalid-json", Error, "The text is not JSON.";
    DuplicateKey = "duplicate-key", Error, "An object has the same key twice, and which one counts would be anyone's guess.";
    ByteOrderMark = "byte-order-mark", Error, "The file begins with a byte order mark, which JSON forbids.";
    NotUtf8 = "not-utf8", Error, "The bytes of the file are not UTF-8.";
    TrailingText = "trailing-text", Error, "Something follows the end of the document.";
    NestedTooDeep = "nested-too-deep", Error, "Lists and objects, or conditions, lie in each other deeper than the limit.";
    FileTooLarge = "file-too-large", Error, "The file is larger than the limit.";
    InexactNumber = "inexact-number", Warning, "The whole number is too large to be kept exactly, and a neighbour takes its place.";

    // The shape of a document.
    WrongType = "wrong-type", Error, "A value is of another type than the one that belongs there.";
    MissingKey = "missing-key", Error, "An object lacks a key that it must have.";
    UnknownKey = "unknown-key", Error, "An object has a key that means nothing there.";
    UnknownWord = "unknown-word", Error, "A word stands where only certain other words mean something.";
    EmptyList = "empty-list", Warning, "An empty list makes the rule match nothing at all.";
    EmptyGroup = "empty-group", Error, "A group of conditions is empty, and whether that is true or false would be anyone's guess.";
    EmptyId = "empty-id", Error, "An id is the empty text, which equals nothing.";
    DuplicateId = "duplicate-id", Error, "Two things of one kind have the same id.";
    ControlCharacter = "control-character", Error, "Text holds a control character where none may stand.";

    // Names that lead nowhere.
    UnknownRole = "unknown-role", Error, "A role is named that is declared nowhere.";
    UnknownGroup = "unknown-group", Error, "A group is named that is declared nowhere.";
    UnknownUser = "unknown-user", Error, "A user is named that is declared nowhere.";
    UnknownParent = "unknown-parent", Error, "A document lies below one that does not exist.";
    UnknownAction = "unknown-action", Error, "An action is named that is declared nowhere.";
    UnknownPermission = "unknown-permission", Error, "A permission is named that is declared nowhere.";
    UnknownCollection = "unknown-collection", Error, "A collection is named that is declared nowhere.";
    UnknownField = "unknown-field", Error, "A field is named that its collection does not have.";
    UnknownState = "unknown-state", Error, "A state is named that the workflow does not have.";
    UnknownTransition = "unknown-transition", Error, "A transition is named that the workflow does not have.";
    UnknownWorkflow = "unknown-workflow", Error, "A workflow is named that is declared nowhere.";
    UnknownOperator = "unknown-operator", Error, "A condition uses an operator that does not exist.";
    UnknownFunction = "unknown-function", Error, "A condition uses a function that does not exist.";
    UnknownVariable = "unknown-variable", Error, "A condition uses a variable that does not exist.";
    UnknownDialect = "unknown-dialect", Error, "The profile names a dialect that does not exist.";
    UnknownMode = "unknown-mode", Error, "The profile names a mode that does not exist.";
    UnknownProfile = "unknown-profile", Error, "A profile is named that does not exist.";
    UnknownBase = "unknown-base", Error, "The profile extends one that does not exist.";
    AcceptedUnknown = "accepted-unknown", Warning, "The CMS accepts a name that is declared nowhere, and ignores it.";

    // Conditions.
    WrongOperand = "wrong-operand", Error, "An operator compares with a value that it cannot compare with.";
    InvalidPattern = "invalid-pattern", Error, "A pattern is no regular expression of the supported kind.";
    PatternTooLarge = "pattern-too-large", Error, "A pattern needs more memory than the limit.";
    GeometryTooLarge = "geometry-too-large", Error, "A geometry has more positions than the limit.";
    InvalidNetwork = "invalid-network", Error, "A network is no address, no range of addresses and no CIDR block.";
    AmbiguousTime = "ambiguous-time", Warning, "A time names no zone, and is read as UTC.";
    NoOwnerField = "no-owner-field", Error, "A rule asks for the owner in a collection that declares none.";
    NoRelation = "no-relation", Error, "A condition asks about related items of a field that is no list of such.";
    NoStatusField = "no-status-field", Error, "A rule names states in a collection that declares no field for them.";
    FailsOpen = "fails-open", Warning, "A rule lets through more than it seems to ask.";
    IgnoredPart = "ignored-part", Warning, "The CMS never looks at this part of a rule.";
    BrokenRule = "broken-rule", Warning, "The CMS accepts the rule and fails when it meets it, so it refuses whatever it touches.";
    Unsupported = "unsupported", Error, "The CMS understands this, and Placet does not.";

    // What is legal and still goes nowhere.
    Cycle = "cycle", Error, "Things refer to each other in a circle.";
    UnreachableState = "unreachable-state", Warning, "No transition leads to the state, and items do not begin in it.";
    DeadEnd = "dead-end", Warning, "No transition leaves the state.";
    UntakeableTransition = "untakeable-transition", Warning, "Nobody can ever take the transition.";
    EmptyWindow = "empty-window", Error, "A time window closes before it opens.";
    ImpossibleApproval = "impossible-approval", Error, "No number of people can ever give the approval as it is asked for.";
    IdleInheritance = "idle-inheritance", Warning, "An administrator inherits roles that are put aside as soon as he is one.";
    UnmatchableGrant = "unmatchable-grant", Warning, "No question can ever match the grant.";

    // Profiles, their directories and their layers.
    MissingProfileFile = "missing-profile-file", Error, "The profile lacks a file that its dialect needs.";
    NoDialect = "no-dialect", Error, "Neither a profile file nor the names of the files tell the dialect.";
    MixedDialects = "mixed-dialects", Error, "The files of the directory belong to different dialects.";
    UnknownFile = "unknown-file", Warning, "The dialect has no file of this name, so nobody reads it.";
    UnreadableFile = "unreadable-file", Error, "A file cannot be read.";
    MissingDirectory = "missing-directory", Error, "A directory is named that does not exist.";
    EmptyDirectory = "empty-directory", Error, "A directory holds nothing that could be read.";
    IncompleteProfile = "incomplete-profile", Error, "The files of the profile are not those that its manifest names.";
    TooManyFiles = "too-many-files", Error, "The profile has more files than the limit.";
    TooManyRules = "too-many-rules", Error, "The profile has more rules, or names, than the limit.";
    ExtendsCycle = "extends-cycle", Error, "Profiles extend each other in a circle.";
    ExtendsBroken = "extends-broken", Error, "The profile extends one that is broken.";
    MergeShortens = "merge-shortens", Warning, "A later layer gives a shorter list, and the CMS keeps the rest of the longer one.";
    PurgeCascade = "purge-cascade", Warning, "A purge in a later layer also takes away what hangs on the purged thing.";
    Fault = "fault", Error, "Placet itself failed on the profile, which is worth a report.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_kebab_case_and_unique_and_meanings_are_sentences() {
        let names: BTreeSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            let name = code.name();
            let kebab = name.split('-').all(|word| {
                !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            });
            assert!(kebab, "{name}");
            let meaning = code.meaning();
            assert!(
                meaning.starts_with(char::is_uppercase) && meaning.ends_with('.'),
                "{name}: {meaning}"
            );
        }
    }

    #[test]
    fn each_name_is_its_variant_in_kebab_case() {
        for code in Code::ALL {
            let flat: String = code.name().split('-').collect();
            assert_eq!(flat, format!("{code:?}").to_lowercase());
        }
    }
}
