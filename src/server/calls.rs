//! What somebody may call: a listener, and each of those who are known to it.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::rpc::service;
use crate::server::config::Call;

/// What somebody may call: any set of `decide`, `status` and `administer`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Calls(u8);

/// Says that text is no set of calls.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is none of `decide`, `status` and `administer`; write them with commas")]
pub(super) struct NoCalls(String);

impl Calls {
    /// Nothing.
    pub(super) const NONE: Self = Self(0);
    /// The calls of `PolicyDecisionService`.
    pub(super) const DECIDE: Self = Self(1);
    /// `GetStatus` and `WatchStatus`.
    pub(super) const STATUS: Self = Self(2);
    /// `Reload`, and whatever else changes the daemon.
    pub(super) const ADMINISTER: Self = Self(4);

    const WORDS: [(Self, &'static str); 3] = [
        (Self::DECIDE, "decide"),
        (Self::STATUS, "status"),
        (Self::ADMINISTER, "administer"),
    ];

    /// Returns what is in either set.
    #[must_use]
    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Tells whether everything of `other` is in this set.
    pub(super) const fn include(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns what is in a list.
    pub(super) fn of(calls: &[Call]) -> Self {
        calls.iter().fold(Self::NONE, |all, call| {
            all.and(match call {
                Call::Decide => Self::DECIDE,
                Call::Status => Self::STATUS,
                Call::Administer => Self::ADMINISTER,
            })
        })
    }

    /// Returns what a call needs, by its path; none if it needs nothing but to be known.
    pub(super) fn needed(path: &str) -> Self {
        if service::in_path(path).is_some() {
            return Self::DECIDE;
        }
        match path.strip_prefix(ADMINISTRATION) {
            Some("GetStatus" | "WatchStatus") => Self::STATUS,
            Some(_) => Self::ADMINISTER,
            None => Self::NONE,
        }
    }
}

/// Begins the paths of what is no decision.
pub(super) const ADMINISTRATION: &str = "/placet.v1.PolicyAdminService/";

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = Self::WORDS.iter().filter(|(each, _)| self.include(*each));
        let words: Vec<&str> = words.map(|(_, word)| *word).collect();
        f.write_str(&words.join(","))
    }
}

impl FromStr for Calls {
    type Err = NoCalls;

    fn from_str(text: &str) -> Result<Self, NoCalls> {
        let mut all = Self::NONE;
        for word in text.split(',').map(str::trim) {
            let known = Self::WORDS.iter().find(|(_, name)| *name == word);
            let (each, _) = known.ok_or_else(|| NoCalls(word.to_owned()))?;
            all = all.and(*each);
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::proto::v1::policy_admin_service_server::SERVICE_NAME;

    #[test]
    fn calls_are_written_as_they_are_read() {
        for text in [
            "decide",
            "status",
            "administer",
            "decide,status",
            "decide,status,administer",
        ] {
            assert_eq!(text.parse::<Calls>().unwrap().to_string(), text);
        }
        assert_eq!(" status , decide".parse(), Ok(Calls::DECIDE.and(Calls::STATUS)));
        for text in ["", "decide,", "decides", "all"] {
            assert!(text.parse::<Calls>().is_err(), "{text}");
        }
    }

    #[test]
    fn every_call_needs_what_it_does() {
        let admin = |call: &str| format!("/{SERVICE_NAME}/{call}");
        let cases = [
            ("/placet.v1.PolicyDecisionService/Check".to_owned(), Calls::DECIDE),
            (admin("GetStatus"), Calls::STATUS),
            (admin("WatchStatus"), Calls::STATUS),
            (admin("Reload"), Calls::ADMINISTER),
            // What is not known yet is not for everybody.
            (admin("Restart"), Calls::ADMINISTER),
            ("/grpc.health.v1.Health/Check".to_owned(), Calls::NONE),
        ];
        for (path, calls) in cases {
            assert_eq!(Calls::needed(&path), calls, "{path}");
        }
    }
}
