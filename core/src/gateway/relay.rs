//! Where a relayed request goes, and what of it goes along.

/// Every path that is relayed begins with this.
pub const API: &str = "/api/";

/// The APIs behind the gateway, each under a path of its own.
#[derive(Clone, Debug)]
pub struct Upstreams(Vec<Upstream>);

#[derive(Clone, Debug)]
struct Upstream {
    path: String,
    origin: String,
    takes_proofs: bool,
}

/// Where a request goes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Address {
    /// The address, without its query.
    pub url: String,
    /// Whether the API there takes proofs of possession (RFC 9449 §7).
    pub takes_proofs: bool,
}

/// In front of the origin of an API that knows bearer tokens alone.
const BEARER: &str = "bearer:";

/// Why a path leads to no API.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PathRefusal {
    /// It could mean another path to the API than it means here.
    #[error("the path has an empty or dot segment, or an encoded slash, backslash or dot")]
    Ambiguous,
    /// No API is configured there.
    #[error("no API is configured under this path")]
    Unknown,
}

impl Upstreams {
    /// Reads pairs of path and origin, as in `/api/=https://api.example /api/maps/=bearer:https://maps.example`. `None`
    /// unless each path begins with `/api/`, ends with a slash and is there once, and `is_origin` holds for each
    /// origin.
    pub fn parse(text: &str, is_origin: impl Fn(&str) -> bool) -> Option<Self> {
        let pairs = text.split_whitespace().map(|pair| {
            let (path, origin) = pair.split_once('=')?;
            let is_path = path.starts_with(API) && path.ends_with('/') && is_plain(path);
            let bare = origin.strip_prefix(BEARER);
            let (origin, takes_proofs) = (bare.unwrap_or(origin), bare.is_none());
            (is_path && is_origin(origin)).then(|| Upstream {
                path: path.to_owned(),
                origin: origin.to_owned(),
                takes_proofs,
            })
        });
        let mut pairs: Vec<_> = pairs.collect::<Option<_>>()?;
        // The longest path first: it is the most specific.
        pairs.sort_by(|a, b| {
            let longer = b.path.len().cmp(&a.path.len());
            longer.then_with(|| a.path.cmp(&b.path))
        });
        let mut neighbours = pairs.iter().zip(pairs.iter().skip(1));
        let is_said_twice = neighbours.any(|(one, next)| one.path == next.path);
        (!pairs.is_empty() && !is_said_twice).then_some(Self(pairs))
    }

    /// The address that a path, as the browser sends it, leads to; without its query.
    ///
    /// # Errors
    ///
    /// The [`PathRefusal`] for which it leads nowhere.
    pub fn address(&self, path: &str) -> Result<Address, PathRefusal> {
        if !is_plain(path) {
            return Err(PathRefusal::Ambiguous);
        }
        let mut known = self.0.iter();
        let upstream = known
            .find(|upstream| path.starts_with(upstream.path.as_str()))
            .ok_or(PathRefusal::Unknown)?;
        Ok(Address {
            url: [&upstream.origin, path].concat(),
            takes_proofs: upstream.takes_proofs,
        })
    }

    /// A path of the gateway for an address that an API redirects to, if it is one of the API's own.
    pub fn path_of<'a>(&self, address: &'a str) -> Option<&'a str> {
        self.0.iter().find_map(|upstream| {
            let path = address.strip_prefix(upstream.origin.as_str())?;
            path.starts_with(upstream.path.as_str()).then_some(path)
        })
    }
}

/// Whether every server reads the path as the same: none of its segments is empty or made of dots, nothing in it
/// decodes, once or twice, to what separates segments, and it has no parameters in front of a slash.
fn is_plain(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else {
        return false;
    };
    let mut segments = rest.split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        let name = segment.split(';').next().unwrap_or_default();
        if matches!(name, "." | "..") || (segment.is_empty() && !is_last) {
            return false;
        }
        if name.is_empty() && !segment.is_empty() {
            return false;
        }
    }
    let bytes = path.as_bytes();
    let plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'?' | b'#');
    bytes.iter().all(plain) && !has_hidden(path)
}

/// Whether something decodes to a slash, a backslash, a dot or a control character, also if it is decoded twice.
fn has_hidden(path: &str) -> bool {
    let mut rest = path;
    while let Some((_, after)) = rest.split_once('%') {
        let (mut after, mut is_percent_sign) = (after, false);
        while let Some(again) = after.strip_prefix("25") {
            (after, is_percent_sign) = (again, true);
        }
        let code = after
            .get(..2)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            None if is_percent_sign => {}
            None | Some(b'/' | b'\\' | b'.' | 0..=0x1f | 0x7f) => return true,
            Some(_) => {}
        }
        rest = after;
    }
    false
}

/// Headers that are between two neighbours only (RFC 9110 §7.6.1), or are made anew on each way.
const HOP_BY_HOP: [&str; 12] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "expect",
    "host",
];

/// What stays here of a request: it is the gateway's own, or says what only the gateway can know.
const KEPT: [&str; 14] = [
    "cookie",
    "cookie2",
    "authorization",
    "dpop",
    "origin",
    "referer",
    "forwarded",
    "x-gatepass-csrf",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "via",
    "cdn-loop",
];

/// The same by how the name begins: also with which certificate (RFC 9440 §2.4) or name somebody has been let in by a
/// server in front. Some servers let the last two take the path's place.
const KEPT_PREFIXES: [&str; 12] = [
    "sec-",
    "cf-",
    "x-forwarded",
    "proxy-",
    "client-cert",
    "x-client-cert",
    "ssl-client-",
    "x-ssl-client-",
    "remote-user",
    "x-remote-user",
    "x-original-",
    "x-rewrite-",
];

/// What an API may not say in the gateway's name: to forget what the browser knows of it, where else it is, how it is
/// protected.
const WITHHELD: [&str; 13] = [
    "clear-site-data",
    "content-security-policy",
    "content-security-policy-report-only",
    "strict-transport-security",
    "service-worker-allowed",
    "alt-svc",
    "nel",
    "report-to",
    "reporting-endpoints",
    "x-request-id",
    "dpop-nonce",
    "edge-control",
    "x-accel-expires",
];

/// The same by how the name begins: to set cookies and more, to open it to other origins, to bind its sessions, and to
/// have answers kept by caches that many share.
const WITHHELD_PREFIXES: [&str; 5] = [
    "set-",
    "access-control-",
    "sec-session-",
    "secure-session-",
    "surrogate-",
];

/// Whether a header of a request goes to the API. `connection` is the request's `Connection`, which may name more
/// that do not.
pub fn goes_along(name: &str, connection: &str) -> bool {
    // Some servers take one for the other.
    let name = name.to_ascii_lowercase().replace('_', "-");
    let is_kept = KEPT.contains(&&*name)
        || (begins_with_any(&name, &KEPT_PREFIXES) && name != "sec-websocket-protocol");
    !is_kept && !is_hop_by_hop(&name, connection)
}

/// Whether a header of the API's answer goes to the browser.
pub fn comes_back(name: &str, connection: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // What is said to one kind of cache that many share has such a name (RFC 9213 §3.1).
    let is_withheld = WITHHELD.contains(&&*name)
        || begins_with_any(&name, &WITHHELD_PREFIXES)
        || name.ends_with("-cache-control");
    // The length of an answer stays true: its body is passed on as it comes.
    !is_withheld && (name == "content-length" || !is_hop_by_hop(&name, connection))
}

fn begins_with_any(name: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| name.starts_with(prefix))
}

fn is_hop_by_hop(name: &str, connection: &str) -> bool {
    let mut named = connection.split(',').map(str::trim);
    HOP_BY_HOP.contains(&name) || named.any(|named| named.eq_ignore_ascii_case(name))
}

/// What an API's `Cache-Control` says, for the browser alone. A shared cache keeps no answer to a request with
/// `Authorization` that does not say it may (RFC 9111 §3.5), and most APIs rely on that; the browser's request has
/// none.
pub fn for_the_browser_alone(cache_control: &str) -> String {
    let mut kept = "private".to_owned();
    for directive in cache_control.split(',').map(str::trim) {
        let name = directive.split('=').next().unwrap_or_default();
        let is_about_others = ["", "public", "private", "s-maxage", "proxy-revalidate"];
        if !is_about_others
            .iter()
            .any(|it| name.eq_ignore_ascii_case(it))
        {
            kept.push_str(", ");
            kept.push_str(directive);
        }
    }
    kept
}

/// Whether a challenge of an API with 401 is one that a browser answers with a question of its own: that would ask
/// the user for a password in the gateway's name.
pub fn asks_the_user(challenge: &str) -> bool {
    let mut schemes = challenge.split(',').map(str::trim_start);
    schemes.any(|part| {
        let scheme = part.split([' ', '\t']).next().unwrap_or_default();
        let interactive = ["basic", "digest", "negotiate", "ntlm"];
        interactive
            .iter()
            .any(|known| scheme.eq_ignore_ascii_case(known))
    })
}

/// Whether a challenge says that the token is good and something else is missing, so that another token of the
/// same sign-in would not do (RFC 9470 §3, RFC 6750 §3.1, RFC 9449 §7.1, §9).
pub fn wants_more_than_a_token(challenge: &str) -> bool {
    let wanted = [
        "insufficient_user_authentication",
        "insufficient_scope",
        "use_dpop_nonce",
        "invalid_dpop_proof",
    ];
    wanted.iter().any(|error| challenge.contains(error))
}

#[cfg(test)]
mod tests;
