//! The `placet` binary: everything is in the library's room `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    placet::cli::run(std::env::args_os())
}
