//! The exit codes of all commands.

use std::process::ExitCode;

/// Says how a command ended, as scripts see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All went well; a decision was an allow.
    Done,
    /// A decision was a deny, or a test of a policy failed.
    Refused,
    /// The command line makes no sense.
    Usage,
    /// A profile is broken.
    BadProfile,
    /// Something outside of Placet is in the way: a file, an address, a daemon.
    Unavailable,
    /// Placet itself failed.
    Fault,
    /// The configuration file is broken, or cannot be read.
    BadConfig,
    /// An address to listen on cannot be had.
    BadAddress,
}

/// Lists every exit code with what it means.
const TABLE: [(Exit, u8, &str); 8] = [
    (Exit::Done, 0, "all went well; what was asked is allowed"),
    (
        Exit::Refused,
        1,
        "what was asked is not allowed, or a test failed",
    ),
    (Exit::Usage, 2, "an option or argument makes no sense"),
    (Exit::BadProfile, 3, "a profile is broken"),
    (
        Exit::Unavailable,
        4,
        "a file cannot be read, or a daemon not be reached",
    ),
    (Exit::Fault, 5, "Placet itself failed"),
    (
        Exit::BadConfig,
        6,
        "the configuration file is broken, or cannot be read",
    ),
    (Exit::BadAddress, 7, "an address to listen on cannot be had"),
];

impl Exit {
    /// Returns the number.
    pub fn code(self) -> u8 {
        let row = TABLE.iter().find(|(exit, _, _)| *exit == self);
        row.map_or(u8::MAX, |(_, code, _)| *code)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Returns the table for the help page.
pub(super) fn help() -> String {
    let rows: Vec<String> = TABLE
        .iter()
        .map(|(_, code, meaning)| format!("  {code}  {meaning}"))
        .collect();
    format!("Exit codes:\n{}", rows.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_the_documented_ones() {
        let all = [
            Exit::Done,
            Exit::Refused,
            Exit::Usage,
            Exit::BadProfile,
            Exit::Unavailable,
            Exit::Fault,
            Exit::BadConfig,
            Exit::BadAddress,
        ];
        assert_eq!(all.map(Exit::code), [0, 1, 2, 3, 4, 5, 6, 7]);
    }
}
