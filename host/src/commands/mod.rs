//! One subcommand per file.

pub(crate) mod cat;
pub(crate) mod ls;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod stat;
