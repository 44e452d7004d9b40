//! Which version of a resource an update is meant for (RFC 9110 §13.1.1).

/// The `If-Match` of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Precondition {
    /// None was sent: whatever is there.
    None,
    /// `*`: whatever is there, on purpose.
    Any,
    /// This version.
    Version(i64),
    /// One that no version of this resource ever had.
    Never,
}

impl Precondition {
    /// Reads the header. A weak tag never matches (RFC 9110 §8.8.3.2), and of several none is picked.
    pub fn read(header: Option<&str>) -> Self {
        match header.map(str::trim) {
            None => Self::None,
            Some("*") => Self::Any,
            Some(tag) => version(tag).map_or(Self::Never, Self::Version),
        }
    }
}

/// The `ETag` of a version.
pub fn etag(version: i64) -> String {
    format!("\"v{version}\"")
}

fn version(tag: &str) -> Option<i64> {
    let number = tag.strip_prefix("\"v")?.strip_suffix('"')?;
    let version = number.parse().ok().filter(|version| *version >= 0)?;
    (etag(version) == tag).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_names_one_version() {
        for version in [0, 1, 77] {
            let read = Precondition::read(Some(&etag(version)));
            assert_eq!(read, Precondition::Version(version));
        }
        assert_eq!(Precondition::read(None), Precondition::None);
        assert_eq!(Precondition::read(Some(" * ")), Precondition::Any);
        for other in [
            "",
            "v1",
            "\"1\"",
            "\"v01\"",
            "\"v-1\"",
            "W/\"v1\"",
            "\"v1\", \"v2\"",
        ] {
            assert_eq!(
                Precondition::read(Some(other)),
                Precondition::Never,
                "{other}"
            );
        }
    }
}
