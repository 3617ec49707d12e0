//! The collector's program: it hands over to the command line and gives back its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    collector::cli::main()
}
