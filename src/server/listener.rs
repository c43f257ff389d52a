//! What a listener is: where it listens, to whom, and what it lets them do.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

use crate::rpc::encode::Detail;
use crate::rpc::service::Call;

/// Holds the configuration of one listener, checked.
#[derive(Clone, Debug)]
pub struct ListenerConfig {
    /// What the log calls it.
    pub name: Arc<str>,
    /// Where it listens.
    pub place: Place,
    /// What is served there at all.
    pub calls: Calls,
    /// How much decisions explain.
    pub detail: Detail,
    /// What it proves who it is with; without it connections are in the clear.
    pub tls: Option<TlsFiles>,
    /// The file of those who may call; without it anybody who can connect.
    pub callers: Option<PathBuf>,
}

/// Says where a listener listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// At an address; port 0 takes any free one.
    Tcp(SocketAddr),
    /// At a socket in the file system.
    Unix(UnixPlace),
}

/// Says where a Unix socket lies and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnixPlace {
    /// The path.
    pub path: PathBuf,
    /// The permissions, as `chmod` has them.
    pub mode: u32,
    /// The owner; the user of the daemon if nothing is said.
    pub owner: Option<Owner>,
}

/// Names a user and a group, by name or number; what is absent stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The user.
    pub user: Option<String>,
    /// The group.
    pub group: Option<String>,
}

/// Names the files of TLS, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and those of the authorities between it and the root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authorities that client certificates must come from; without it clients show none.
    pub client_ca: Option<PathBuf>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(place) => write!(f, "unix:{}", place.path.display()),
        }
    }
}

/// Says that text is no owner of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("write `user`, `user:group` or `:group`")]
pub struct NoOwner;

impl FromStr for Owner {
    type Err = NoOwner;

    fn from_str(text: &str) -> Result<Self, NoOwner> {
        let (user, group) = text.split_once(':').unwrap_or((text, ""));
        let part = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let owner = Self {
            user: part(user),
            group: part(group),
        };
        if group.contains(':') || (owner.user.is_none() && owner.group.is_none()) {
            return Err(NoOwner);
        }
        Ok(owner)
    }
}

/// What somebody may call: any set of `decide`, `status` and `administer`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls(u8);

/// Says that text is no set of calls.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is none of `decide`, `status` and `administer`; write them with commas")]
pub struct NoCalls(String);

impl Calls {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// The calls of `PolicyDecisionService`.
    pub const DECIDE: Self = Self(1);
    /// `GetStatus` and `WatchStatus`.
    pub const STATUS: Self = Self(2);
    /// `Reload`, and whatever else changes the daemon.
    pub const ADMINISTER: Self = Self(4);
    /// All of it.
    pub const ALL: Self = Self(7);

    const WORDS: [(Self, &'static str); 3] = [
        (Self::DECIDE, "decide"),
        (Self::STATUS, "status"),
        (Self::ADMINISTER, "administer"),
    ];

    /// Returns what is in either set.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns what is in both sets.
    #[must_use]
    pub const fn within(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Tells whether everything of `other` is in this set.
    pub const fn include(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Tells whether nothing is in this set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns what a call needs, by its path; none if it needs nothing but to be known.
    pub fn needed(path: &str) -> Self {
        if Call::in_path(path).is_some() {
            return Self::DECIDE;
        }
        match path.strip_prefix(ADMINISTRATION) {
            Some("GetStatus" | "WatchStatus") => Self::STATUS,
            Some(_) => Self::ADMINISTER,
            None => Self::NONE,
        }
    }
}

const ADMINISTRATION: &str = "/placet.v1.PolicyAdminService/";

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

    #[test]
    fn owners_are_users_and_groups() {
        let owner = |user: &str, group: &str| Owner {
            user: (!user.is_empty()).then(|| user.to_owned()),
            group: (!group.is_empty()).then(|| group.to_owned()),
        };
        assert_eq!("www".parse(), Ok(owner("www", "")));
        assert_eq!("www:cms".parse(), Ok(owner("www", "cms")));
        assert_eq!(":1000".parse(), Ok(owner("", "1000")));
        for text in ["", ":", "a:b:c"] {
            assert_eq!(text.parse::<Owner>(), Err(NoOwner), "{text}");
        }
    }
}
