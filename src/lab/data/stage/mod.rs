//! How a script becomes records: sessions on devices are the stage, steps are played on it.

mod play;
mod script;
mod sessions;

pub(super) use play::{Player, Scene};
pub(super) use script::{Activity, Step, activities, steps};
pub(super) use sessions::{Session, sessions};
