"""Authlib, the client library for Python, in a Flask application: all that it knows of the provider it has from
discovery and registration, and every check that it makes by default is made."""

import os
import time
import unittest
from urllib.parse import parse_qs, urlsplit

import flask
import requests
from authlib.integrations.flask_client import OAuth, OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import ECKey

ISSUER = os.environ["GATEPASS_ISSUER"]
USERS = os.environ["GATEPASS_USERS"]
DISCOVERY = f"{ISSUER}/.well-known/openid-configuration"
METADATA = requests.get(DISCOVERY, timeout=30).json()
APP = "https://app.example"
SCOPE = "openid profile email offline_access read"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
CREDENTIALS = ("client_id", "client_secret", "token_endpoint_auth_method")


class User:
    """Somebody in front of a browser of their own, who signs in and agrees (`user.mjs`)."""

    def __init__(self, name):
        self.url = f"{USERS}/python-{name}"

    def follow(self, link):
        """Where a link of a client leads in the end."""
        return self._ask(follow=link)

    def allow(self, device):
        """Types a device's code."""
        self._ask(allow=device["user_code"], at=device["verification_uri"])

    def _ask(self, **query):
        answer = requests.get(self.url, params=query, timeout=30)
        if not answer.ok:
            raise AssertionError(answer.text)
        return answer.text


def register(method, **metadata):
    """Registers a client that proves itself so. The library leaves this to its users."""
    asked = {
        "client_name": "Notes",
        "redirect_uris": [f"{APP}/callback"],
        "post_logout_redirect_uris": [f"{APP}/bye"],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": method,
        **metadata,
    }
    answer = requests.post(METADATA["registration_endpoint"], json=asked, timeout=30)
    if answer.status_code != 201:
        raise AssertionError(answer.text)
    told = answer.json()
    return {name: told.get(name) for name in CREDENTIALS}


def register_with_key():
    """Registers a client with a key of its own, and keeps the key where the library wants it."""
    key = ECKey.generate_key("P-256", {"kid": "notes", "use": "sig", "alg": "ES256"})
    client = register("private_key_jwt", jwks={"keys": [key.as_dict(private=False)]})
    return {**client, "client_secret": key}


def key_of(client):
    """How the library proves such a client at the token endpoint: with an assertion for that endpoint."""
    if client["token_endpoint_auth_method"] != "private_key_jwt":
        return []
    return [PrivateKeyJWT(METADATA["token_endpoint"], headers={"kid": "notes"}, alg="ES256")]


def session(client, **more):
    """The library without a framework."""
    method = client["token_endpoint_auth_method"]
    found = OAuth2Session(**client, revocation_endpoint_auth_method=method, scope=SCOPE, **more)
    for proof in key_of(client):
        found.register_client_auth_method(proof)
    return found


class Site:
    """A web application whose users sign in with Gatepass, as the library's documentation has it."""

    def __init__(self, client):
        app = flask.Flask("notes")
        app.secret_key = os.urandom(32)
        # What fails is raised where it fails.
        app.testing = True
        self.updates = []
        self.gatepass = OAuth(app).register(
            "gatepass",
            client_id=client["client_id"],
            client_secret=client["client_secret"],
            server_metadata_url=DISCOVERY,
            client_auth_methods=key_of(client),
            update_token=lambda token, **_: self.updates.append(token),
            client_kwargs={
                "scope": SCOPE,
                "code_challenge_method": "S256",
                "token_endpoint_auth_method": client["token_endpoint_auth_method"],
            },
        )
        self.app = app
        self.signed_in = {}
        app.add_url_rule("/login", view_func=self._login)
        app.add_url_rule("/callback", view_func=self._callback)
        app.add_url_rule("/logout", view_func=self._logout)
        app.add_url_rule("/bye", view_func=self._bye)
        self.visitor = app.test_client()

    def _login(self):
        asked = flask.request.args.to_dict()
        return self.gatepass.authorize_redirect(f"{APP}/callback", **asked)

    def _callback(self):
        self.signed_in = self.gatepass.authorize_access_token()
        return "welcome"

    def _logout(self):
        return self.gatepass.logout_redirect(f"{APP}/bye", id_token_hint=self.signed_in["id_token"])

    def _bye(self):
        self.gatepass.validate_logout_response()
        return "bye"

    def visit(self, path, user):
        """Visits a page here that leads to the provider, follows, and comes back."""
        there = self.visitor.get(path, base_url=APP).location
        return self.visitor.get(user.follow(there), base_url=APP)

    def sign_in(self, user, query=""):
        """The code flow with PKCE, state and nonce; the library verifies the ID token."""
        self.visit(f"/login{query}", user)
        return self.signed_in


class Registered:
    """What every registered client does, however it proves itself."""

    method = None

    def setUp(self):
        self.client = self.register()
        self.user = User(self.id())
        self.site = Site(self.client)

    def register(self):
        return register(self.method)

    def test_signs_its_user_in_and_is_told_who_that_is(self):
        tokens = self.site.sign_in(self.user)
        claims = tokens["userinfo"]
        self.assertEqual((claims["iss"], claims["sub"]), (ISSUER, "demo"))
        self.assertEqual(claims["aud"], self.client["client_id"])
        self.assertIn("at_hash", claims)
        with self.site.app.app_context():
            info = self.site.gatepass.userinfo(token=tokens)
        self.assertEqual((info["sub"], info["preferred_username"]), ("demo", "demo"))

    def test_has_what_has_expired_refreshed_by_the_library(self):
        tokens = self.site.sign_in(self.user)
        expired = {**tokens, "expires_at": int(time.time()) - 1}
        with self.site.app.app_context():
            info = self.site.gatepass.userinfo(token=expired)
        self.assertEqual(info["sub"], "demo")
        [refreshed] = self.site.updates
        self.assertNotEqual(refreshed["access_token"], tokens["access_token"])
        again = session(self.client).refresh_token(
            METADATA["token_endpoint"], refresh_token=refreshed["refresh_token"], scope="openid read"
        )
        self.assertEqual(again["scope"], "openid read")

    def test_looks_at_its_own_token_and_takes_it_back(self):
        token = self.site.sign_in(self.user)["access_token"]
        client = session(self.client)
        look = lambda: client.introspect_token(METADATA["introspection_endpoint"], token=token).json()
        seen = look()
        self.assertEqual((seen["active"], seen["sub"]), (True, "demo"))
        self.assertEqual(client.revoke_token(METADATA["revocation_endpoint"], token=token).status_code, 200)
        self.assertEqual(look(), {"active": False})

    def test_takes_its_refresh_token_back_and_is_refused_with_it(self):
        token = self.site.sign_in(self.user)["refresh_token"]
        client = session(self.client)
        revoked = client.revoke_token(
            METADATA["revocation_endpoint"], token=token, token_type_hint="refresh_token"
        )
        self.assertEqual(revoked.status_code, 200)
        with self.assertRaises(OAuthError) as refused:
            client.refresh_token(METADATA["token_endpoint"], refresh_token=token)
        self.assertEqual(refused.exception.error, "invalid_grant")

    def test_signs_its_user_out_and_has_them_back(self):
        token = self.site.sign_in(self.user)["refresh_token"]
        self.assertEqual(self.site.visit("/logout", self.user).text, "bye")
        with self.assertRaises(OAuthError) as refused:
            session(self.client).refresh_token(METADATA["token_endpoint"], refresh_token=token)
        self.assertEqual(refused.exception.error, "invalid_grant")


class WithASecretInTheHeader(Registered, unittest.TestCase):
    method = "client_secret_basic"


class WithASecretInTheBody(Registered, unittest.TestCase):
    method = "client_secret_post"


class WithAKeyOfItsOwn(Registered, unittest.TestCase):
    def register(self):
        return register_with_key()


class WithoutASecret(Registered, unittest.TestCase):
    method = "none"

    # Nobody could tell who asks.
    test_looks_at_its_own_token_and_takes_it_back = None


class SignedOtherwise(unittest.TestCase):
    """ID tokens in every algorithm that a client may choose, but for the name Ed25519 (RFC 9864): the library does not
    know the hash of that one's at_hash."""

    def verifies(self, algorithm):
        client = register("none", id_token_signed_response_alg=algorithm)
        tokens = Site(client).sign_in(User(self.id()))
        self.assertEqual(tokens["userinfo"]["sub"], "demo")

    def test_es256(self):
        self.verifies("ES256")

    def test_rs256(self):
        self.verifies("RS256")

    def test_eddsa(self):
        self.verifies("EdDSA")


class WhatIsAsked(unittest.TestCase):
    def test_somebody_who_must_not_be_disturbed(self):
        user = User(self.id())
        site = Site(register("none"))
        refused = parse_qs(urlsplit(user.follow(site.visitor.get("/login?prompt=none", base_url=APP).location)).query)
        self.assertEqual((refused["error"], refused["iss"]), (["login_required"], [ISSUER]))
        site.sign_in(user)
        self.assertEqual(site.sign_in(user, "?prompt=none")["userinfo"]["sub"], "demo")


class SetUpByItsOperator(unittest.TestCase):
    def test_gets_tokens_for_itself(self):
        secret = os.environ["GATEPASS_SERVICE_SECRET"]
        client = OAuth2Session("gatepass-service", secret)
        tokens = client.fetch_token(METADATA["token_endpoint"], grant_type="client_credentials", scope="read")
        self.assertEqual(tokens["scope"], "read")
        seen = client.introspect_token(METADATA["introspection_endpoint"], token=tokens["access_token"])
        self.assertEqual(seen.json()["sub"], "gatepass-service")

    def test_has_no_browser(self):
        client = OAuth2Session("gatepass-cli", token_endpoint_auth_method="none")
        asked = {"client_id": "gatepass-cli", "scope": SCOPE}
        device = requests.post(METADATA["device_authorization_endpoint"], data=asked, timeout=30).json()
        User(self.id()).allow(device)
        tokens = client.fetch_token(
            METADATA["token_endpoint"], grant_type=DEVICE_CODE, device_code=device["device_code"]
        )
        self.assertEqual(tokens["token_type"], "Bearer")
        self.assertIn("id_token", tokens)


if __name__ == "__main__":
    unittest.main()
