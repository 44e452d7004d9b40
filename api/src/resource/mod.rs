//! The resources, one file each.

pub mod data;
pub mod health;
pub mod metadata;
pub mod profile;
pub mod protected;
