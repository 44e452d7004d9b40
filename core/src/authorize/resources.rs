//! Whom tokens may be for, and whom a request wants them for (RFC 8707).

use crate::form::Form;
use crate::id::Audience;

/// The audiences that tokens may be for (RFC 8707).
#[derive(Clone, Debug)]
pub struct Resources {
    /// The one that a request without `resource` gets.
    pub default: Audience,
    /// The others.
    pub others: Vec<Audience>,
}

/// The resource is unknown, or there are several (RFC 8707 §2).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("resource must be one of the resources of this provider")]
pub struct UnknownResource;

impl Resources {
    /// The audience of a request: the resource that it names, or the default.
    ///
    /// # Errors
    ///
    /// [`UnknownResource`] if the provider knows no such resource.
    pub fn audience(&self, requested: Option<&Audience>) -> Result<Audience, UnknownResource> {
        let Some(requested) = requested else {
            return Ok(self.default.clone());
        };
        let mut known = core::iter::once(&self.default).chain(&self.others);
        let found = known.find(|audience| *audience == requested);
        found.cloned().ok_or(UnknownResource)
    }
}

/// The one resource that a request names, if it names any.
///
/// # Errors
///
/// [`UnknownResource`] for several, or for what cannot be one.
pub fn requested_resource(form: &Form) -> Result<Option<Audience>, UnknownResource> {
    let mut requested = form.all("resource");
    match (requested.next(), requested.next()) {
        (None, _) => Ok(None),
        (Some(only), None) => Audience::parse(only).map(Some).map_err(|_| UnknownResource),
        (Some(_), Some(_)) => Err(UnknownResource),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorize::tests::resources;

    fn requested(query: &str) -> Result<Option<String>, UnknownResource> {
        let form = Form::parse(query).unwrap();
        Ok(requested_resource(&form)?.map(|audience| audience.to_string()))
    }

    #[test]
    fn a_request_names_one_resource_or_none() {
        assert_eq!(requested(""), Ok(None));
        assert_eq!(requested("resource="), Ok(None));
        let other = "https://other.example".to_owned();
        assert_eq!(
            requested("resource=https%3A%2F%2Fother.example"),
            Ok(Some(other))
        );
        for bad in ["resource=a&resource=a", "resource=%C3%BC", "resource=a%0A"] {
            assert_eq!(requested(bad), Err(UnknownResource), "{bad}");
        }
    }

    #[test]
    fn only_the_providers_resources_are_known() {
        let resources = resources();
        let audience = |text: &str| resources.audience(Some(&Audience::parse(text).unwrap()));
        assert_eq!(resources.audience(None).unwrap(), resources.default);
        for known in ["http://localhost:5000", "https://other.example"] {
            assert_eq!(audience(known).unwrap().as_str(), known);
        }
        for unknown in ["http://localhost:5000/", "https://other.example.evil"] {
            assert_eq!(audience(unknown), Err(UnknownResource), "{unknown}");
        }
    }
}
