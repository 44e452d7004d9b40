//! The resources, one file each.

pub mod data;
mod display_name;
pub mod health;
mod invalid;
pub mod metadata;
pub mod open;
mod precondition;
pub mod profile;
pub mod protected;
