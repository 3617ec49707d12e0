//! The collector's program: it hands over to the command line and gives back its exit code.

use std::process::ExitCode;

/// The system's keeps what came free between things that stay: after an hour half of its memory (decision 67).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    collector::cli::main()
}
