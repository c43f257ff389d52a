//! Who may call what: the file of callers, told apart by tokens and by the names in their certificates.
//!
//! One line per caller, and `#` before what is only for people:
//!
//! ```text
//! # name        may call            known by
//! cms           decide              token:0d3f…
//! backoffice    status,administer   cert:backoffice.example
//! probes        status              cert:*
//! ```
//!
//! A token is kept as its digest and compared as such, all of them for every request: how long that takes tells nothing about
//! any of them. The file is read again when it changes; if it is broken then, the last good one stays.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::server::calls::Calls;
use crate::server::config::Auth;
use crate::vocab::limits::{CALLERS_MAX, SECRET_FILE_BYTES_MAX, TOKEN_BYTES_MIN};

/// Says why a file of callers cannot be taken.
#[derive(Debug, Error)]
pub enum CallersError {
    /// It cannot be read.
    #[error("cannot read `{}`", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line makes no sense.
    #[error("`{}`, line {line}: {what}", .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong; never a token.
        what: String,
    },
}

/// Who somebody is, as far as a connection and a request tell.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known<'k> {
    /// The token of the request.
    pub(super) token: Option<&'k [u8]>,
    /// The names in the certificate of the connection.
    pub(super) names: &'k [String],
}

/// Holds the callers of one listener: those of the configuration, and those that its file has now.
#[derive(Debug)]
pub(super) struct CallerBook {
    fixed: Vec<Caller>,
    path: Option<PathBuf>,
    callers: ArcSwap<Vec<Caller>>,
    /// Digest of the bytes that were looked at last, whether they were good or not: the first eight bytes of it.
    seen: AtomicU64,
}

#[derive(Debug, PartialEq, Eq)]
struct Caller {
    calls: Calls,
    mark: Mark,
}

#[derive(Debug, PartialEq, Eq)]
enum Mark {
    Token(blake3::Hash),
    Name(String),
    AnyName,
}

impl Mark {
    /// Returns the mark of a name in a certificate; `*` stands for any.
    fn name(name: &str) -> Self {
        if name == "*" {
            Self::AnyName
        } else {
            Self::Name(name.to_owned())
        }
    }
}

impl CallerBook {
    /// Takes the callers of the configuration, and reads the file if there is one; `all` is what the listener allows.
    pub(super) fn open(auth: &Auth, all: Calls) -> Result<Self, CallersError> {
        let token = auth.token.iter().map(|token| Caller {
            calls: all,
            mark: Mark::Token(blake3::hash(token.reveal().as_bytes())),
        });
        let names = auth.names.iter().map(|(name, calls)| Caller {
            calls: Calls::of(calls),
            mark: Mark::name(name),
        });
        let book = Self {
            fixed: token.chain(names).collect(),
            path: auth.callers.clone(),
            callers: ArcSwap::default(),
            seen: AtomicU64::new(0),
        };
        book.refresh()?;
        Ok(book)
    }

    /// Reads the file again; tells whether there is something new in it.
    pub(super) fn refresh(&self) -> Result<bool, CallersError> {
        let Some(path) = &self.path else {
            return Ok(false);
        };
        let bytes = read_secret(path).map_err(|source| CallersError::Read {
            path: path.clone(),
            source,
        })?;
        let now = digest(&bytes);
        if self.seen.swap(now, Ordering::Relaxed) == now {
            return Ok(false);
        }
        self.callers.store(parse(path, &bytes)?.into());
        Ok(true)
    }

    /// Returns the path of the file.
    pub(super) fn path(&self) -> &Path {
        self.path.as_deref().unwrap_or(Path::new(""))
    }

    /// Returns what somebody may call; nothing if he is not known.
    pub(super) fn calls_of(&self, known: Known<'_>) -> Option<Calls> {
        let token = known.token.map(blake3::hash);
        let mut found = None;
        for caller in self.fixed.iter().chain(self.callers.load().iter()) {
            let fits = match &caller.mark {
                // Equality of digests takes the same time wherever they differ.
                Mark::Token(digest) => token.is_some_and(|token| token == *digest),
                Mark::Name(name) => known.names.iter().any(|each| each == name),
                Mark::AnyName => !known.names.is_empty(),
            };
            if fits {
                found = Some(found.unwrap_or(Calls::NONE).and(caller.calls));
            }
        }
        found
    }
}

/// Reads a file of secrets, which is small; its bytes are wiped when they are dropped.
pub(crate) fn read_secret(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = File::open(path)?
        .take(SECRET_FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    if u64::try_from(read).is_ok_and(|read| read > SECRET_FILE_BYTES_MAX) {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "the file is too large",
        ));
    }
    Ok(bytes)
}

/// Returns what tells one content of a file from another.
pub(super) fn digest(bytes: &[u8]) -> u64 {
    let digest = blake3::hash(bytes);
    digest
        .as_bytes()
        .iter()
        .take(8)
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Vec<Caller>, CallersError> {
    let fail = |line: usize, what: String| CallersError::Line {
        path: path.to_owned(),
        line,
        what,
    };
    let mut callers = Vec::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let number = index + 1;
        let line = std::str::from_utf8(line).map_err(|_| fail(number, "is no UTF-8".to_owned()))?;
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if callers.len() == CALLERS_MAX {
            return Err(fail(number, format!("is one more than {CALLERS_MAX} callers")));
        }
        callers.push(parse_line(line).map_err(|what| fail(number, what))?);
    }
    if callers.is_empty() {
        return Err(fail(1, "names nobody, so nobody could call".to_owned()));
    }
    Ok(callers)
}

fn parse_line(line: &str) -> Result<Caller, String> {
    let parts: Vec<&str> = line.split_whitespace().collect();
    let [_name, calls, mark] = parts.as_slice() else {
        return Err("write `name calls token:…` or `name calls cert:…`".to_owned());
    };
    let calls = calls.parse().map_err(|error| format!("{error}"))?;
    let mark = if let Some(token) = mark.strip_prefix("token:") {
        if token.len() < TOKEN_BYTES_MIN {
            return Err(format!("a token has at least {TOKEN_BYTES_MIN} characters"));
        }
        Mark::Token(blake3::hash(token.as_bytes()))
    } else {
        match mark.strip_prefix("cert:") {
            Some(name) if !name.is_empty() => Mark::name(name),
            Some(_) | None => return Err("says neither `token:…` nor `cert:…`".to_owned()),
        }
    };
    Ok(Caller { calls, mark })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const GOOD: &str = "# who may what\n\ncms decide token:0123456789abcdef\n\
                        cms  status  token:0123456789abcdef\nops administer cert:ops.example\nall status cert:*\n";

    #[test]
    fn callers_are_known_by_token_and_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("callers");
        fs::write(&path, GOOD).unwrap();
        let auth = Auth {
            callers: Some(path.clone()),
            ..Auth::default()
        };
        let book = CallerBook::open(&auth, Calls::DECIDE).unwrap();
        let token = |token: &'static str| Known {
            token: Some(token.as_bytes()),
            names: &[],
        };
        assert_eq!(
            book.calls_of(token("0123456789abcdef")),
            Some(Calls::DECIDE.and(Calls::STATUS))
        );
        for wrong in ["0123456789abcdeF", "0123456789abcde", "0123456789abcdef ", ""] {
            assert_eq!(book.calls_of(token(wrong)), None, "{wrong}");
        }
        let names = ["ops.example".to_owned()];
        let named = Known {
            token: None,
            names: &names,
        };
        assert_eq!(book.calls_of(named), Some(Calls::ADMINISTER.and(Calls::STATUS)));
        assert_eq!(book.calls_of(Known::default()), None);

        assert!(!book.refresh().unwrap());
        fs::write(&path, "cms decide token:short").unwrap();
        let error = book.refresh().unwrap_err().to_string();
        assert!(
            error.ends_with("line 1: a token has at least 16 characters"),
            "{error}"
        );
        assert!(
            book.calls_of(token("0123456789abcdef")).is_some(),
            "the last good one stays"
        );
        fs::write(&path, "cms decide token:fedcba9876543210").unwrap();
        assert!(book.refresh().unwrap());
        assert_eq!(book.calls_of(token("0123456789abcdef")), None);
        assert_eq!(book.calls_of(token("fedcba9876543210")), Some(Calls::DECIDE));
    }

    #[test]
    fn broken_lines_are_named_and_their_tokens_are_not() {
        let cases = [
            ("", "line 1: names nobody"),
            ("# nobody\n", "line 1: names nobody"),
            ("cms decide\n", "line 1: write `name calls"),
            (
                "\ncms decides token:0123456789abcdef",
                "line 2: `decides` is none of",
            ),
            ("cms decide 0123456789abcdef", "line 1: says neither"),
            ("cms decide cert:", "line 1: says neither"),
            (
                "cms decide token:0123456789abcdef more",
                "line 1: write `name calls",
            ),
        ];
        for (text, expected) in cases {
            let error = parse(Path::new("callers"), text.as_bytes())
                .unwrap_err()
                .to_string();
            assert!(error.contains(expected), "{text:?}: {error}");
            assert!(!error.contains("0123456789abcdef"), "{error}");
        }
        let many = "cms decide cert:*\n".repeat(CALLERS_MAX + 1);
        assert!(parse(Path::new("callers"), many.as_bytes()).is_err());
        assert!(
            parse(
                Path::new("callers"),
                many.trim_end().rsplit_once('\n').unwrap().0.as_bytes()
            )
            .is_ok()
        );
    }
}
