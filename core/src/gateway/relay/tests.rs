use super::*;

fn upstreams() -> Upstreams {
    let text = "/api/=https://api.example /api/maps/=https://maps.example";
    Upstreams::parse(text, |origin| origin.starts_with("https://")).unwrap()
}

#[test]
fn a_path_leads_to_the_api_that_is_configured_for_it() {
    for (path, address) in [
        ("/api/data", "https://api.example/api/data"),
        ("/api/", "https://api.example/api/"),
        ("/api/maps/1", "https://maps.example/api/maps/1"),
        ("/api/mapsx/1", "https://api.example/api/mapsx/1"),
        (
            "/api/a%20b/c;v=1/d:e@f",
            "https://api.example/api/a%20b/c;v=1/d:e@f",
        ),
        ("/api/100%25", "https://api.example/api/100%25"),
        ("/api/%E2%82%AC", "https://api.example/api/%E2%82%AC"),
        ("/api/a..b/.hidden", "https://api.example/api/a..b/.hidden"),
    ] {
        let found = upstreams().address(path).unwrap();
        assert_eq!((&*found.url, found.takes_proofs), (address, true));
    }
}

#[test]
fn an_api_may_know_bearer_tokens_alone() {
    let text = "/api/=https://api.example /api/maps/=bearer:https://maps.example";
    let upstreams = Upstreams::parse(text, |origin| origin.starts_with("https://")).unwrap();
    let maps = upstreams.address("/api/maps/1").unwrap();
    assert_eq!(maps.url, "https://maps.example/api/maps/1");
    assert!(!maps.takes_proofs && upstreams.address("/api/x").unwrap().takes_proofs);
}

#[test]
fn a_path_that_could_mean_another_is_refused() {
    for path in [
        "/api//data",
        "/api/../admin",
        "/api/./data",
        "/api/..;/admin",
        "/api/;a=b/data",
        "/api/%2e%2e/admin",
        "/api/%2E./admin",
        "/api/a%2fb",
        "/api/a%2F..%2Fb",
        "/api/a%5cb",
        "/api/a%252fb",
        "/api/a%25252e",
        "/api/%00",
        "/api/%0d%0a",
        "/api/%",
        "/api/%2",
        "/api/%zz",
        "/api/a\\b",
        "/api/a b",
        "/api/é",
        "//evil.example/api/",
        "https://evil.example/api/",
        "api/",
        "",
    ] {
        assert_eq!(
            upstreams().address(path),
            Err(PathRefusal::Ambiguous),
            "{path}"
        );
    }
    assert_eq!(upstreams().address("/apis/x"), Err(PathRefusal::Unknown));
}

#[test]
fn only_whole_paths_and_origins_are_configured() {
    let parse = |text| Upstreams::parse(text, |origin| origin == "https://a.example").is_some();
    assert!(parse("/api/=https://a.example"));
    for bad in [
        "",
        "/api/",
        "/api=https://a.example",
        "/other/=https://a.example",
        "/api/../=https://a.example",
        "/api/x=https://a.example",
        "/api/=https://b.example",
        "/api/=https://a.example /x/=https://a.example",
        "/api/=https://a.example /api/x/=https://a.example /api/=https://a.example",
        "/api/=bearer:https://b.example",
        "/api/=bearer:",
        "/api/=dpop:https://a.example",
    ] {
        assert!(!parse(bad), "{bad}");
    }
}

#[test]
fn an_apis_own_address_becomes_a_path_of_the_gateway() {
    let path = |address| upstreams().path_of(address).map(str::to_owned);
    assert_eq!(
        path("https://api.example/api/x?y").as_deref(),
        Some("/api/x?y")
    );
    assert_eq!(
        path("https://maps.example/api/maps/").as_deref(),
        Some("/api/maps/")
    );
    for other in [
        "https://api.example.evil/api/x",
        "https://api.example/elsewhere",
        "https://maps.example/api/x",
        "/api/x",
    ] {
        assert_eq!(path(other), None, "{other}");
    }
}

#[test]
fn what_is_the_gateways_own_stays_here() {
    for stays in [
        "Cookie",
        "Authorization",
        "DPoP",
        "Origin",
        "Host",
        "Connection",
        "Upgrade",
        "TE",
        "X-Forwarded-For",
        "X_Forwarded_For",
        "X-Forwarded",
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Client-IP",
        "Forwarded",
        "CF-Connecting-IP",
        "Sec-Fetch-Site",
        "X-Gatepass-CSRF",
        "X-Named",
        "Client-Cert-Chain",
        "SSL_CLIENT_CERT",
        "X-SSL-Client-Verify",
        "Remote-User",
    ] {
        assert!(!goes_along(stays, "close, x-named"), "{stays}");
    }
    for goes in [
        "Accept",
        "Content-Type",
        "If-Match",
        "Sec-WebSocket-Protocol",
        "X-Own",
    ] {
        assert!(goes_along(goes, "close"), "{goes}");
    }
}

#[test]
fn what_an_api_may_not_say_in_the_gateways_name_stays_here() {
    for stays in [
        "Set-Cookie",
        "Access-Control-Allow-Origin",
        "Clear-Site-Data",
        "Connection",
        "X-Named",
        "Set-Login",
        "Secure-Session-Registration",
        "CDN-Cache-Control",
        "Cloudflare-CDN-Cache-Control",
        "Surrogate-Control",
        "Netlify-CDN-Cache-Control",
        "X-Accel-Expires",
    ] {
        assert!(!comes_back(stays, "X-Named"), "{stays}");
    }
    for back in [
        "Cache-Control",
        "ETag",
        "Content-Type",
        "Content-Length",
        "WWW-Authenticate",
        "Location",
        "Link",
        "Sec-WebSocket-Protocol",
    ] {
        assert!(comes_back(back, ""), "{back}");
    }
}

#[test]
fn an_answer_is_kept_by_the_browser_alone() {
    for (said, kept) in [
        ("max-age=60", "private, max-age=60"),
        ("Public, s-maxage=60,max-age=5", "private, max-age=5"),
        ("private=\"x-a\", no-cache", "private, no-cache"),
        (
            "no-cache=\"a, b\", must-revalidate",
            "private, no-cache=\"a, b\", must-revalidate",
        ),
        ("proxy-revalidate", "private"),
        (" , no-store", "private, no-store"),
    ] {
        assert_eq!(for_the_browser_alone(said), kept);
    }
}

#[test]
fn a_challenge_is_told_apart_by_what_it_asks_for() {
    assert!(asks_the_user("Basic realm=\"x\""));
    assert!(asks_the_user("Bearer realm=\"x\", NTLM"));
    assert!(asks_the_user("Basic\trealm=\"x\""));
    assert!(!asks_the_user("Bearer realm=\"Basic\""));
    assert!(!asks_the_user(
        "DPoP error=\"invalid_token\", algs=\"ES256\""
    ));
    assert!(wants_more_than_a_token(
        "Bearer error=\"insufficient_user_authentication\", acr_values=\"x\""
    ));
    assert!(wants_more_than_a_token("DPoP error=\"use_dpop_nonce\""));
    assert!(!wants_more_than_a_token("Bearer error=\"invalid_token\""));
}
