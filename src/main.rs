//! Parse, settle, run, exit code.

fn main() {}
