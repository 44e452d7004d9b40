//! Whether a request comes from the gateway's own pages, or is one that another site has the browser send
//! (cross-site request forgery).

/// What must stand in the header `X-Gatepass-CSRF`. No other site can send it: a browser asks first, and the
/// gateway never says yes.
pub const PROOF: &str = "1";

/// What a request says of where it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Provenance<'a> {
    /// Whether the method is GET, HEAD or OPTIONS (RFC 9110 §9.2.1).
    pub is_safe: bool,
    /// Whether it opens a WebSocket, for which a page cannot set headers.
    pub opens_websocket: bool,
    /// Whether it is a GET whose `Accept` is `text/event-stream` and nothing else: an `EventSource`, for which a page
    /// cannot set headers either.
    pub opens_events: bool,
    /// `X-Gatepass-CSRF`.
    pub proof: Option<&'a str>,
    /// `Origin`.
    pub origin: Option<&'a str>,
    /// `Sec-Fetch-Site`.
    pub fetch_site: Option<&'a str>,
}

/// Why a request is not done.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Forgery {
    /// `Origin` is another.
    #[error("the request comes from another origin")]
    OtherOrigin,
    /// `Sec-Fetch-Site` says that it is from elsewhere.
    #[error("the request comes from another site")]
    OtherSite,
    /// No `X-Gatepass-CSRF: 1`.
    #[error("the request must carry the header X-Gatepass-CSRF: 1")]
    NoProof,
    /// It changes something, and says in no way where it comes from.
    #[error("the request says neither by Origin nor by Sec-Fetch-Site where it comes from")]
    Unknown,
}

/// Demands that a request comes from a page of `own`, the gateway's origin.
///
/// # Errors
///
/// The first [`Forgery`] that it looks like.
pub fn check(request: &Provenance<'_>, own: &str) -> Result<(), Forgery> {
    if request.origin.is_some_and(|origin| origin != own) && !keeps_quiet(request) {
        return Err(Forgery::OtherOrigin);
    }
    if request.fetch_site.is_some_and(|site| site != "same-origin") {
        return Err(Forgery::OtherSite);
    }
    if request.opens_websocket {
        return request.origin.map(drop).ok_or(Forgery::Unknown);
    }
    // Only a script asks for events, and the browser says that it is one of this origin. The rest is as for any call.
    let is_event_source = request.opens_events && request.fetch_site.is_some();
    if request.proof != Some(PROOF) && !is_event_source {
        return Err(Forgery::NoProof);
    }
    if !request.is_safe && request.origin.is_none() && request.fetch_site.is_none() {
        return Err(Forgery::Unknown);
    }
    Ok(())
}

/// Whether a page of this origin keeps to itself where it is, by the referrer policy `no-referrer`: its browser sends
/// `null` (Fetch Standard, "append a request `Origin` header"), and still says that the page is of this origin. A
/// sandboxed frame is `null` as well, and of no origin.
fn keeps_quiet(request: &Provenance<'_>) -> bool {
    request.origin == Some("null")
        && request.fetch_site == Some("same-origin")
        && !request.opens_websocket
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "https://app.example";

    const GOOD: Provenance<'static> = Provenance {
        is_safe: false,
        opens_websocket: false,
        opens_events: false,
        proof: Some("1"),
        origin: Some(OWN),
        fetch_site: Some("same-origin"),
    };

    #[test]
    fn a_page_of_the_gateway_is_let_through() {
        let safe = Provenance {
            is_safe: true,
            origin: None,
            fetch_site: None,
            ..GOOD
        };
        let socket = Provenance {
            opens_websocket: true,
            proof: None,
            ..safe
        };
        let from = |origin| Provenance {
            origin,
            fetch_site: None,
            ..GOOD
        };
        let socket = Provenance {
            origin: Some(OWN),
            ..socket
        };
        let quiet = Provenance {
            origin: Some("null"),
            ..GOOD
        };
        let events = Provenance {
            opens_events: true,
            proof: None,
            fetch_site: Some("same-origin"),
            ..safe
        };
        for good in [GOOD, safe, socket, quiet, events, from(Some(OWN))] {
            assert_eq!(check(&good, OWN), Ok(()), "{good:?}");
        }
    }

    #[test]
    fn every_other_is_refused_and_told_why() {
        let origin = |origin| Provenance {
            origin: Some(origin),
            ..GOOD
        };
        let site = |site| Provenance {
            fetch_site: Some(site),
            ..GOOD
        };
        let proof = |proof| Provenance { proof, ..GOOD };
        for other in ["https://app.example:444", "http://app.example", ""] {
            assert_eq!(check(&origin(other), OWN), Err(Forgery::OtherOrigin));
        }
        // What a sandboxed frame sends, a browser that does not say of which site a page is, and a WebSocket.
        for (fetch_site, opens_websocket) in [
            (Some("cross-site"), false),
            (Some("same-site"), false),
            (None, false),
            (Some("same-origin"), true),
        ] {
            let hidden = Provenance {
                opens_websocket,
                fetch_site,
                ..origin("null")
            };
            assert_eq!(check(&hidden, OWN), Err(Forgery::OtherOrigin));
        }
        for other in ["cross-site", "same-site", "none", ""] {
            assert_eq!(check(&site(other), OWN), Err(Forgery::OtherSite), "{other}");
        }
        for other in [None, Some("0"), Some(""), Some("1, 1")] {
            assert_eq!(check(&proof(other), OWN), Err(Forgery::NoProof));
        }
        let silent = Provenance {
            origin: None,
            fetch_site: None,
            ..GOOD
        };
        assert_eq!(check(&silent, OWN), Err(Forgery::Unknown));
        let socket = Provenance {
            opens_websocket: true,
            is_safe: true,
            ..silent
        };
        assert_eq!(check(&socket, OWN), Err(Forgery::Unknown));
        let socket = Provenance {
            origin: Some("https://evil.example"),
            ..socket
        };
        assert_eq!(check(&socket, OWN), Err(Forgery::OtherOrigin));
    }

    #[test]
    fn an_event_source_is_let_through_only_where_the_browser_says_that_it_is_one_of_this_origin() {
        for (fetch_site, refusal) in [
            (None, Forgery::NoProof),
            (Some("cross-site"), Forgery::OtherSite),
            (Some("none"), Forgery::OtherSite),
        ] {
            let events = Provenance {
                opens_events: true,
                is_safe: true,
                proof: None,
                fetch_site,
                origin: None,
                ..GOOD
            };
            assert_eq!(check(&events, OWN), Err(refusal));
        }
    }
}
