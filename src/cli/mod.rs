//! Text in, exit code out. One file per command.
