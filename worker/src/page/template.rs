//! The templates of the pages: files of `worker/src/pages`, which the build puts beside the module.

/// A template, by its file.
#[derive(Clone, Copy, Debug)]
pub struct Template {
    #[cfg_attr(test, expect(dead_code, reason = "tests are not built with documents"))]
    pub(super) path: &'static str,
    #[cfg(test)]
    pub(super) text: &'static str,
}

impl Template {
    /// As it is in the file.
    pub fn text(self) -> String {
        #[cfg(test)]
        return self.text.to_owned();
        #[cfg(not(test))]
        gatepass_edge::document::at(self.path).unwrap_or_default()
    }
}

macro_rules! template {
    ($file:literal) => {
        $crate::page::template::Template {
            path: concat!("/pages/", $file),
            #[cfg(test)]
            text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/pages/", $file)),
        }
    };
}
