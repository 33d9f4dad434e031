//! Behaviours that are the same in both versions.

mod dirs;
mod files;
mod identity;
mod links;
mod open;
mod paths;
mod rename;
mod times;

pub use dirs::*;
pub use files::*;
pub use identity::*;
pub use links::*;
pub use open::*;
pub use paths::*;
pub use rename::*;
pub use times::*;
