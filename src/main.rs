//! The `placet` binary: everything is in the library's room `cli`.

use std::process::ExitCode;

/// Requests ask for little memory often, which the allocator of the system is slower at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    placet::cli::run(std::env::args_os())
}
