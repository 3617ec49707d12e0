//! `muster-collector`: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    collector::cli::main()
}
