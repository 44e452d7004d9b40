//! The resources, one file each.

pub mod data;
mod display_name;
pub mod health;
pub mod metadata;
pub mod profile;
pub mod protected;
