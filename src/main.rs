//! The `placet` binary: everything is in the library's room `cli`.

use std::process::ExitCode;

/// Requests ask for little memory often, which the allocator of the system is slower at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The allocator asks for no huge pages, and here the system is asked to give none by itself: most of the process is a few
    // small heaps, each of which would fill, and clear, two megabytes at its first touch. Where it cannot be asked, it costs that.
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_thp_disable(true);
    placet::cli::run(std::env::args_os())
}
