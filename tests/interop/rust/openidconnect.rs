//! openidconnect, the client library for Rust: all that it knows of the provider it has from discovery and
//! registration, and every check that it makes by default is made.

use std::env;
use std::sync::LazyLock;

use openidconnect::core::*;
use openidconnect::registration::{
    AdditionalClientMetadata, ClientRegistrationRequest, EmptyAdditionalClientRegistrationResponse,
};
use openidconnect::*;
use serde::{Deserialize, Serialize};

const REDIRECT: &str = "https://app.example/cb";
const GOODBYE: &str = "https://app.example/bye";

/// What discovery says beyond OIDC Discovery, which the library leaves to its users.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Endpoints {
    device_authorization_endpoint: DeviceAuthorizationUrl,
    end_session_endpoint: EndSessionUrl,
    introspection_endpoint: IntrospectionUrl,
    revocation_endpoint: RevocationUrl,
}
impl AdditionalProviderMetadata for Endpoints {}

/// What a client may say of itself beyond OIDC Registration.
#[derive(Debug, Deserialize, Serialize)]
struct Leaving {
    post_logout_redirect_uris: Vec<String>,
}
impl AdditionalClientMetadata for Leaving {}

type Metadata = ProviderMetadata<
    Endpoints,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;
type Registration = ClientRegistrationRequest<
    Leaving,
    EmptyAdditionalClientRegistrationResponse,
    CoreApplicationType,
    CoreClientAuthMethod,
    CoreRegisterErrorResponseType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;
type Client = CoreClient<
    EndpointSet,
    EndpointSet,
    EndpointSet,
    EndpointSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("`npm test -- interop` sets {name}"))
}

/// The library's HTTP client. It stands in for TLS too: the library wants `https` for revocation, even on localhost.
fn http(mut request: HttpRequest) -> Result<HttpResponse, ureq::Error> {
    static AGENT: LazyLock<ureq::Agent> = LazyLock::new(|| {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false);
        config.build().into()
    });
    let plain = request.uri().to_string();
    if let Some(rest) = plain.strip_prefix("https://localhost:") {
        *request.uri_mut() = format!("http://localhost:{rest}").parse().unwrap();
    }
    let (parts, mut body) = AGENT.run(request)?.into_parts();
    Ok(HttpResponse::from_parts(parts, body.read_to_vec()?))
}

/// Somebody in front of a browser of their own, who signs in and agrees (`user.mjs`).
struct User(&'static str);

impl User {
    /// Where a link of a client leads in the end.
    fn follow(&self, link: &url::Url) -> url::Url {
        self.ask(&[("follow", link.as_str())]).parse().unwrap()
    }

    fn allow(&self, device: &CoreDeviceAuthorizationResponse) {
        let code = device.user_code().secret();
        self.ask(&[("allow", code), ("at", device.verification_uri().as_str())]);
    }

    fn ask(&self, query: &[(&str, &str)]) -> String {
        let users = format!("{}/rust-{}", variable("GATEPASS_USERS"), self.0);
        let url = url::Url::parse_with_params(&users, query).unwrap();
        let answer = http(http::Request::get(url.as_str()).body(vec![]).unwrap()).unwrap();
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        assert!(answer.status().is_success(), "{text}");
        text
    }
}

fn metadata() -> Metadata {
    static METADATA: LazyLock<Metadata> = LazyLock::new(|| {
        let issuer = IssuerUrl::new(variable("GATEPASS_ISSUER")).unwrap();
        Metadata::discover(&issuer, &http).unwrap()
    });
    METADATA.clone()
}

/// A client as the provider knows it.
fn client(id: ClientId, secret: Option<ClientSecret>) -> Client {
    let metadata = metadata();
    let Endpoints {
        device_authorization_endpoint: device,
        introspection_endpoint: introspection,
        revocation_endpoint: revocation,
        ..
    } = metadata.additional_metadata().clone();
    let secure = revocation.url().as_str().replacen("http:", "https:", 1);
    CoreClient::from_provider_metadata(metadata, id, secret)
        .set_device_authorization_url(device)
        .set_introspection_url(introspection)
        .set_revocation_url(RevocationUrl::new(secure).unwrap())
        .set_redirect_uri(RedirectUrl::new(REDIRECT.to_owned()).unwrap())
}

/// Registers a client that proves itself so.
fn register(method: CoreClientAuthMethod) -> Client {
    register_with(method, None)
}

fn register_with(
    method: CoreClientAuthMethod,
    algorithm: Option<CoreJwsSigningAlgorithm>,
) -> Client {
    let leaving = Leaving {
        post_logout_redirect_uris: vec![GOODBYE.to_owned()],
    };
    let redirect = RedirectUrl::new(REDIRECT.to_owned()).unwrap();
    let grants = vec![
        CoreGrantType::AuthorizationCode,
        CoreGrantType::RefreshToken,
    ];
    let asked = Registration::new(vec![redirect], leaving)
        .set_client_name(Some(LocalizedClaim::from(ClientName::new("Notes".into()))))
        .set_grant_types(Some(grants))
        .set_id_token_signed_response_alg(algorithm)
        .set_token_endpoint_auth_method(Some(method.clone()));
    let endpoint = metadata().registration_endpoint().unwrap().clone();
    let told = asked.register(&endpoint, &http).unwrap();
    let client = client(told.client_id().clone(), told.client_secret().cloned());
    match method {
        CoreClientAuthMethod::ClientSecretPost => client.set_auth_type(AuthType::RequestBody),
        _ => client,
    }
}

/// The code flow with PKCE, state and nonce; the ID token and the access token's hash in it are verified.
fn sign_in(client: &Client, user: &User) -> CoreTokenResponse {
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let flow = CoreAuthenticationFlow::AuthorizationCode;
    let (link, state, nonce) = client
        .authorize_url(flow, CsrfToken::new_random, Nonce::new_random)
        .add_scopes(["profile", "email", "offline_access", "read"].map(scope))
        .set_pkce_challenge(challenge)
        .url();
    let back = user.follow(&link);
    assert!(back.as_str().starts_with(REDIRECT), "{back}");
    assert_eq!(parameter(&back, "state").as_ref(), Some(state.secret()));
    let issuer = metadata().issuer().to_string();
    assert_eq!(parameter(&back, "iss"), Some(issuer));
    let code = AuthorizationCode::new(parameter(&back, "code").unwrap());
    let request = client.exchange_code(code).unwrap();
    let tokens = request.set_pkce_verifier(verifier).request(&http).unwrap();
    verify(client, &tokens, &nonce);
    tokens
}

/// Verifies an ID token, and that it speaks of this access token.
fn verify(client: &Client, tokens: &CoreTokenResponse, nonce: impl NonceVerifier + Clone) {
    let id_token = tokens.id_token().unwrap();
    let known = client.id_token_verifier();
    let unfamiliar =
        ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey);
    // The library leaves it to its users to come back for keys (OIDC Core §10.1.1).
    let verifier = match id_token.claims(&known, nonce.clone()) {
        Err(error) if error == unfamiliar => verifier_with_todays_keys(client),
        _ => known,
    };
    let claims = id_token.claims(&verifier, nonce).unwrap();
    let key = id_token.signing_key(&verifier).unwrap();
    let algorithm = id_token.signing_alg().unwrap();
    let hash = AccessTokenHash::from_token(tokens.access_token(), algorithm, key).unwrap();
    assert_eq!(claims.access_token_hash(), Some(&hash));
    assert_eq!(claims.subject().as_str(), "demo");
}

fn verifier_with_todays_keys(client: &Client) -> CoreIdTokenVerifier<'static> {
    let metadata = metadata();
    let keys = CoreJsonWebKeySet::fetch(metadata.jwks_uri(), &http).unwrap();
    let algorithms = metadata.id_token_signing_alg_values_supported().clone();
    let issuer = metadata.issuer().clone();
    CoreIdTokenVerifier::new_public_client(client.client_id().clone(), issuer, keys)
        .set_allowed_algs(algorithms)
}

fn refresh(
    client: &Client,
    tokens: &CoreTokenResponse,
) -> Result<CoreTokenResponse, CoreErrorResponseType> {
    let token = tokens.refresh_token().unwrap();
    let request = client.exchange_refresh_token(token).unwrap();
    request.request(&http).map_err(code_of)
}

fn code_of(error: CoreRequestTokenError<ureq::Error>) -> CoreErrorResponseType {
    match error {
        RequestTokenError::ServerResponse(refusal) => refusal.error().clone(),
        other => panic!("no refusal but {other:?}"),
    }
}

fn scope(name: &str) -> Scope {
    Scope::new(name.to_owned())
}

fn parameter(url: &url::Url, name: &str) -> Option<String> {
    let mut pairs = url.query_pairs();
    pairs
        .find(|(found, _)| found == name)
        .map(|(_, value)| value.into_owned())
}

fn walk(method: CoreClientAuthMethod, user: &User) {
    let client = register(method);
    let tokens = sign_in(&client, user);
    let subject = Some(SubjectIdentifier::new("demo".to_owned()));
    let request = client.user_info(tokens.access_token().clone(), subject);
    let info: CoreUserInfoClaims = request.unwrap().request(&http).unwrap();
    assert_eq!(info.preferred_username().unwrap().as_str(), "demo");
    let second = refresh(&client, &tokens).unwrap();
    verify(&client, &second, |_: Option<&Nonce>| Ok(()));
    let third = refresh(&client, &second).unwrap();
    assert_ne!(
        third.access_token().secret(),
        second.access_token().secret()
    );
}

#[test]
fn a_client_with_a_secret_in_the_header_signs_its_user_in_and_refreshes() {
    walk(CoreClientAuthMethod::ClientSecretBasic, &User("basic"));
}

#[test]
fn a_client_with_a_secret_in_the_body_signs_its_user_in_and_refreshes() {
    walk(CoreClientAuthMethod::ClientSecretPost, &User("post"));
}

#[test]
fn a_client_without_a_secret_signs_its_user_in_and_refreshes() {
    walk(CoreClientAuthMethod::None, &User("none"));
}

#[test]
fn id_tokens_signed_with_rs256_are_verified() {
    let algorithm = Some(CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256);
    let client = register_with(CoreClientAuthMethod::None, algorithm);
    sign_in(&client, &User("rs256"));
}

#[test]
fn id_tokens_signed_with_eddsa_are_verified() {
    let algorithm = Some(CoreJwsSigningAlgorithm::EdDsa);
    let client = register_with(CoreClientAuthMethod::None, algorithm);
    sign_in(&client, &User("eddsa"));
}

#[test]
fn a_client_looks_at_its_own_token_and_takes_it_back() {
    let client = register(CoreClientAuthMethod::ClientSecretBasic);
    let tokens = sign_in(&client, &User("introspection"));
    let look = || client.introspect(tokens.access_token()).request(&http);
    let seen = look().unwrap();
    assert!(seen.active());
    assert_eq!(seen.sub(), Some("demo"));
    assert_eq!(seen.client_id(), Some(client.client_id()));
    let revocation = client.revoke_token(tokens.access_token().clone().into());
    revocation.unwrap().request(&http).unwrap();
    assert!(!look().unwrap().active());
}

#[test]
fn a_client_takes_its_refresh_token_back_and_is_refused_with_it() {
    let client = register(CoreClientAuthMethod::None);
    let tokens = sign_in(&client, &User("revocation"));
    let revocation = client.revoke_token(tokens.refresh_token().unwrap().clone().into());
    revocation.unwrap().request(&http).unwrap();
    let refused = refresh(&client, &tokens).unwrap_err();
    assert_eq!(refused, CoreErrorResponseType::InvalidGrant);
}

#[test]
fn a_client_signs_its_user_out_and_has_them_back() {
    let client = register(CoreClientAuthMethod::ClientSecretBasic);
    let user = User("logout");
    let tokens = sign_in(&client, &user);
    let endpoint = metadata()
        .additional_metadata()
        .end_session_endpoint
        .clone();
    let link = LogoutRequest::from(endpoint)
        .set_id_token_hint(tokens.id_token().unwrap())
        .set_post_logout_redirect_uri(PostLogoutRedirectUrl::new(GOODBYE.to_owned()).unwrap())
        .set_state(CsrfToken::new("bye".to_owned()))
        .http_get_url();
    assert_eq!(user.follow(&link).as_str(), format!("{GOODBYE}?state=bye"));
    let refused = refresh(&client, &tokens).unwrap_err();
    assert_eq!(refused, CoreErrorResponseType::InvalidGrant);
}

#[test]
fn a_client_that_its_operator_set_up_gets_tokens_for_itself() {
    let secret = ClientSecret::new(variable("GATEPASS_SERVICE_SECRET"));
    let client = client(ClientId::new("gatepass-service".to_owned()), Some(secret));
    let request = client.exchange_client_credentials().unwrap();
    let tokens = request.add_scope(scope("read")).request(&http).unwrap();
    assert_eq!(tokens.scopes(), Some(&vec![scope("read")]));
    let seen = client.introspect(tokens.access_token()).request(&http);
    assert_eq!(seen.unwrap().sub(), Some("gatepass-service"));
}

#[test]
fn a_client_that_its_operator_set_up_has_no_browser() {
    let client = client(ClientId::new("gatepass-cli".to_owned()), None);
    let request = client.exchange_device_code().add_scope(scope("profile"));
    let device: CoreDeviceAuthorizationResponse = request.request(&http).unwrap();
    User("device").allow(&device);
    let request = client.exchange_device_access_token(&device).unwrap();
    let patience = |_| panic!("the user has answered already");
    let tokens = request.request(&http, patience, None).unwrap();
    verify(&client, &tokens, |_: Option<&Nonce>| Ok(()));
}
