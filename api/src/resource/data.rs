//! `GET /api/data`: a list from D1, page by page.

use base64ct::{Base64UrlUnpadded, Encoding};
use gatepass_core::form::Form;
use gatepass_edge::{EdgeError, http};
use serde::Serialize;
use worker::{Request, Response};

use super::invalid::invalid;
use crate::store::{Item, Store};

/// How many items a page has unless it is asked for fewer or more, and at most.
const USUAL: u32 = 20;
const MOST: u32 = 100;

#[derive(Serialize)]
struct Data {
    items: Vec<Item>,
    /// Where the next page begins, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Which page is asked for.
#[derive(Debug, Eq, PartialEq)]
struct Page {
    after: i64,
    limit: u32,
}

impl Page {
    /// Reads `cursor` and `limit`; the inner error names the one at fault.
    fn read(query: &str) -> Result<Self, (&'static str, &'static str)> {
        let form = Form::parse(query).map_err(|_| ("cursor", "must be sent once"))?;
        let limit = form.optional("limit").map_or(Ok(USUAL), str::parse);
        let limit = limit.ok().filter(|limit| (1..=MOST).contains(limit));
        let after = form.optional("cursor").map_or(Some(0), last_of);
        Ok(Self {
            after: after.ok_or(("cursor", "must be one that this API gave"))?,
            limit: limit.ok_or(("limit", "must be a number from 1 to 100"))?,
        })
    }
}

/// What a cursor says was the last item before it. Clients do not look into it.
fn last_of(cursor: &str) -> Option<i64> {
    let text = Base64UrlUnpadded::decode_vec(cursor).ok()?;
    let id = core::str::from_utf8(&text).ok()?.strip_prefix("after:")?;
    id.parse().ok().filter(|id| *id >= 0)
}

fn cursor_after(id: i64) -> String {
    Base64UrlUnpadded::encode_string(format!("after:{id}").as_bytes())
}

pub async fn answer(request: &Request, store: &Store) -> Result<Response, EdgeError> {
    let page = match Page::read(&http::query(request)) {
        Ok(page) => page,
        Err((field, why)) => return invalid(field, why),
    };
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    // One more than is shown says whether there is another page.
    let mut items = store.items(page.after, page.limit + 1).await?;
    let has_more = items.len() > limit;
    items.truncate(limit);
    let last = items.last().filter(|_| has_more);
    let next_cursor = last.map(|item| cursor_after(item.id));
    let link = next_cursor.as_ref().map(|cursor| {
        let limit = page.limit;
        format!("</api/data?cursor={cursor}&limit={limit}>; rel=\"next\"")
    });
    let response = http::json(&Data { items, next_cursor })?;
    if let Some(link) = link {
        response.headers().set("Link", &link)?;
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_begins_where_the_last_one_ended() {
        let page = |query: &str| Page::read(query).unwrap();
        assert_eq!((page("").after, page("").limit), (0, USUAL));
        let query = format!("cursor={}&limit=3", cursor_after(7));
        assert_eq!((page(&query).after, page(&query).limit), (7, 3));
    }

    #[test]
    fn what_is_no_page_is_named() {
        let field = |query: &str| Page::read(query).unwrap_err().0;
        for query in ["limit=0", "limit=101", "limit=x", "limit=-1"] {
            assert_eq!(field(query), "limit", "{query}");
        }
        let negative = Base64UrlUnpadded::encode_string(b"after:-1");
        for cursor in ["x", "%2B", negative.as_str(), "YWZ0ZXI6"] {
            assert_eq!(field(&format!("cursor={cursor}")), "cursor", "{cursor}");
        }
    }
}
