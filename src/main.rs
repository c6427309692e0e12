//! The `fieldward` binary: arguments in, exit code out.

fn main() {}
