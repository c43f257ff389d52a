//! What the commands share that ask a question: opening the door, failing, writing JSON.

use prost::Message;

use crate::cli::Globals;
use crate::cli::daemon::CallArgs;
use crate::cli::door::{Door, DoorError};
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::question::QuestionError;
use crate::rpc::json;

/// Asks, and writes why there is no answer if there is none.
pub(super) fn ask<T>(
    globals: &Globals,
    address: Option<(&str, &CallArgs)>,
    profile: &str,
    output: &mut Output,
    question: impl FnOnce(&mut Door) -> Result<T, DoorError>,
) -> Result<T, Exit> {
    // An empty variable of the environment means that there is none.
    let address = address.filter(|(address, _)| !address.is_empty());
    let fail = |error: &DoorError, output: &mut Output| {
        output.failure(error, error.help().as_deref());
        error.exit(address.is_some())
    };
    let mut door = Door::open(globals, address).map_err(|error| fail(&error, output))?;
    question(&mut door).map_err(|error| {
        let exit = fail(&error, output);
        if exit == Exit::BadProfile {
            door.complain(profile, output);
        }
        exit
    })
}

/// Writes why the options make no question.
pub(super) fn refuse(error: &QuestionError, output: &mut Output) -> Exit {
    output.failure(error, None);
    match error {
        QuestionError::File { .. } => Exit::Unavailable,
        QuestionError::Syntax { .. } | QuestionError::NoObject(_) | QuestionError::Request(_) => Exit::Usage,
    }
}

/// Writes an answer as the contract has it in JSON.
pub(super) fn write_json<M: Message>(name: &str, message: &M, output: &mut Output) -> Result<(), Exit> {
    match json::to_json(name, message) {
        Ok(value) => {
            output.json(&value);
            Ok(())
        }
        Err(error) => {
            output.failure(&error, None);
            Err(Exit::Fault)
        }
    }
}
