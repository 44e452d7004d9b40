use super::*;
use crate::client::{ClientSettings, GrantType, RefreshBehaviour};
use crate::grant::tests::{NOW, after};
use crate::scope::Scope;

fn client(authentication: ClientAuthentication) -> Client {
    Client {
        id: ClientId::parse("app").unwrap(),
        name: "App".into(),
        authentication,
        redirect_uris: vec![],
        post_logout_redirect_uris: vec![],
        origins: vec![],
        scope: Scope::default(),
        grant_types: GrantType::ALL.to_vec(),
        refresh_behaviour: RefreshBehaviour::Rotate,
        is_first_party: true,
        may_introspect: false,
        settings: ClientSettings::default(),
    }
}

fn parse(header: Option<&str>, body: &str) -> Result<ClientCredentials, AuthenticationFailure> {
    ClientCredentials::parse(header, &Form::parse(body).unwrap())
}

fn basic(id: &str, secret: &str) -> String {
    format!(
        "Basic {}",
        base64::encode(format!("{id}:{secret}").as_bytes())
    )
}

#[test]
fn each_method_proves_itself_only_where_it_is_registered() {
    let secrets = ClientSecret::new("s3cret").hash().into();
    let registered = [
        ClientAuthentication::None,
        ClientAuthentication::SecretBasic(secrets),
        ClientAuthentication::SecretPost(secrets),
    ];
    let header = basic("app", "s3cret");
    let presented = [
        parse(None, "client_id=app").unwrap(),
        parse(Some(&header), "").unwrap(),
        parse(None, "client_id=app&client_secret=s3cret").unwrap(),
    ];
    for (i, registered) in registered.into_iter().enumerate() {
        for (j, credentials) in presented.iter().enumerate() {
            let proven = credentials
                .authenticate(Some(client(registered)), NOW)
                .is_ok();
            assert_eq!(proven, i == j, "{registered:?} {credentials:?}");
        }
    }
}

#[test]
fn a_wrong_secret_an_unknown_client_and_another_client_look_the_same() {
    let secrets = ClientSecret::new("s3cret").hash().into();
    let registered = || Some(client(ClientAuthentication::SecretBasic(secrets)));
    let wrong = parse(Some(&basic("app", "S3cret")), "").unwrap();
    assert_eq!(
        wrong.authenticate(registered(), NOW).unwrap_err(),
        AuthenticationFailure::Refused
    );
    assert_eq!(
        wrong.authenticate(None, NOW).unwrap_err(),
        AuthenticationFailure::Refused
    );
    let other = parse(Some(&basic("other", "s3cret")), "").unwrap();
    assert_eq!(
        other.authenticate(registered(), NOW).unwrap_err(),
        AuthenticationFailure::Refused
    );
}

#[test]
fn the_secret_before_counts_until_its_time_is_over() {
    let [old, new] = ["old", "new"].map(|secret| ClientSecret::new(secret).hash());
    let secrets = ClientSecrets {
        current: new,
        previous: Some((old, after(60))),
    };
    assert!(secrets.matches(new, NOW) && secrets.matches(new, after(60)));
    assert!(secrets.matches(old, after(59)) && !secrets.matches(old, after(60)));
    let other = ClientSecret::new("other").hash();
    assert!(!secrets.matches(other, NOW) && !secrets.matches(other, after(60)));
}

#[test]
fn malformed_credentials_are_told_apart() {
    let refused = |header, body| parse(header, body).unwrap_err();
    assert_eq!(refused(None, ""), AuthenticationFailure::Missing);
    for header in [
        "Basic",
        "Basic !",
        "Bearer x",
        "Basic YXBw",
        "Basic /w==",
        "",
    ] {
        assert_eq!(
            refused(Some(header), ""),
            AuthenticationFailure::MalformedHeader,
            "{header}"
        );
    }
    let header = basic("app", "s");
    let two = refused(Some(&header), "client_secret=s");
    assert_eq!(two, AuthenticationFailure::TwoMethods);
    assert_eq!(
        refused(Some(&header), "client_id=b"),
        AuthenticationFailure::TwoMethods
    );
    assert!(parse(Some(&header), "client_id=app").is_ok());
}

#[test]
fn basic_credentials_are_form_encoded_inside() {
    let credentials = parse(Some(&basic("app", "a%3Ab%26c%3Dd+e=&")), "").unwrap();
    let hash = ClientSecret::new("a:b&c=d e=&").hash();
    assert!(credentials.secret_hash().unwrap().matches(hash));
}
