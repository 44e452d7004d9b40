//! The resources, one file each.

pub mod data;
mod display_name;
pub mod health;
mod invalid;
pub mod metadata;
mod precondition;
pub mod profile;
pub mod protected;
