//! Documents that a Worker serves, as they are or filled in. The build puts them beside the WebAssembly module,
//! whose size they do not add to.

use wasm_bindgen::prelude::*;

// `gatepassDocuments` is what scripts/lib/entry.mjs puts into the same module: texts by their paths.
#[wasm_bindgen(inline_js = "
export function documentAt(path) {
  return gatepassDocuments[path];
}
")]
extern "C" {
    #[wasm_bindgen(js_name = documentAt)]
    fn document_at(path: &str) -> Option<String>;
}

/// The text of the document at `path`, if there is one.
pub fn at(path: &str) -> Option<String> {
    document_at(path)
}
