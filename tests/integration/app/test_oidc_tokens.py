"""What an OpenID provider must not get past the service: each token is signed by the real one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from pydantic import SecretStr

from app.errors import Unavailable
from app.identity import config, flow, jwks
from app.identity.flow import BadAnswer
from app.identity.oidc import OidcProvider
from app.identity.people import Proof
from app.settings import Settings
from tests.integration.app import openid as op
from tests.integration.app.openid import Provider, openid

Change = Callable[[dict[str, Any], dict[str, Any]], str]
PEPPER = "0123456789abcdef"


@pytest.fixture(name="provider", scope="module")
def _provider() -> Iterator[Provider]:
    with openid() as provider:
        yield provider


@pytest.fixture(name="ours")
def _ours(
    provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[OidcProvider]:
    """Return what the service knows of the provider."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "identity_oidc_secret").write_text(op.SECRET)
    settings = Settings(
        identity=provider.toml(),
        public_url="https://dash.example.org",
        key_pepper=SecretStr(PEPPER),
    )
    found = config.load(settings).oidc
    assert found is not None
    yield OidcProvider(found, settings)
    provider.change = None


def authorised(address: str) -> str:
    """Go to the provider and return the code that it gives."""
    there = urlsplit(address)
    connection = HTTPConnection(there.netloc, timeout=5)
    connection.request("GET", f"{there.path}?{there.query}")
    location = connection.getresponse().headers["Location"]
    connection.close()
    return parse_qs(urlsplit(location).query)["code"][0]


async def proved(ours: OidcProvider) -> Proof:
    """Go the whole way."""
    way, _ = flow.begin("oidc", PEPPER)
    code = await asyncio.to_thread(authorised, await ours.address(way))
    return await ours.prove(way, code, None)


def claim(**said: Any) -> Change:
    """Return a change of claims that the provider itself signs; None removes one."""

    def change(header: dict[str, Any], claims: dict[str, Any]) -> str:
        made = {k: v for k, v in {**claims, **said}.items() if v is not None}
        header = {"alg": header["alg"], "kid": header["kid"]}
        provider = op._Handler.provider
        return provider.sign(header, made)

    return change


def tampered(_header: dict[str, Any], claims: dict[str, Any]) -> str:
    """Return a token with other claims under the signature of the right ones."""
    provider = op._Handler.provider
    good = provider.sign({"alg": "RS256", "kid": provider.key().kid}, claims)
    bad = provider.sign({"alg": "RS256", "kid": provider.key().kid}, {**claims, "sub": "root"})
    return ".".join([good.split(".")[0], bad.split(".")[1], good.split(".")[2]])


def unsigned(_header: dict[str, Any], claims: dict[str, Any]) -> str:
    """Return a token of which the provider says nothing."""
    key = OctKey.import_key("x" * 32)
    token = jwt.encode({"alg": "HS256"}, claims, key)
    none = jwt.encode({"alg": "HS256"}, {}, key)
    head = "eyJhbGciOiJub25lIn0"  # {"alg":"none"}
    assert token != none
    return f"{head}.{token.split('.')[1]}."


def symmetric(_header: dict[str, Any], claims: dict[str, Any]) -> str:
    """Return a token signed with the client's secret, which both sides have."""
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(op.SECRET))


def public_key_as_secret(header: dict[str, Any], claims: dict[str, Any]) -> str:
    """Return a token signed with HMAC under the provider's public key."""
    public = cast("RSAKey", op._Handler.provider.key()).as_pem(private=False)
    key = OctKey.import_key(bytes(public).replace(b"-----", b"====="))
    return jwt.encode({"alg": "HS256", "kid": header["kid"]}, claims, key)


def foreign(kid: str | None) -> Change:
    """Return a change that signs with a key that the provider does not have."""

    def change(header: dict[str, Any], claims: dict[str, Any]) -> str:
        key = RSAKey.generate_key(2048)
        return jwt.encode({"alg": "RS256", "kid": kid or header["kid"]}, claims, key)

    return change


LONG_AGO = 1_000_000_000
BAD: dict[str, tuple[Change, str]] = {
    "tampered": (tampered, "BadSignatureError"),
    "alg none": (unsigned, "DecodeError"),
    "signed with the client's secret": (symmetric, "DecodeError"),
    "signed with the public key": (public_key_as_secret, "DecodeError"),
    "foreign key under a known name": (foreign(None), "BadSignatureError"),
    "foreign key under its own name": (foreign("another"), "DecodeError"),
    "expired": (claim(exp=LONG_AGO), "exp"),
    "without end": (claim(exp=None), "exp"),
    "not yet valid": (claim(nbf=4_000_000_000), "nbf"),
    "of the future": (claim(iat=4_000_000_000), "iat"),
    "wrong audience": (claim(aud=["somebody else"]), "aud"),
    "many audiences and no party": (claim(aud=[op.CLIENT, "x"], azp=None), "azp"),
    "another party": (claim(azp="somebody else"), "azp"),
    "wrong nonce": (claim(nonce="another"), "nonce"),
    "no nonce": (claim(nonce=None), "nonce"),
    "wrong issuer": (claim(iss="https://evil.example"), "iss"),
    "of somebody else than userinfo": (claim(sub="root"), "userinfo"),
    "no subject": (claim(sub=None), "sub"),
    "no token": (lambda _header, _claims: "x.y", "DecodeError"),
}


@pytest.mark.parametrize("what", BAD)
async def test_a_token_that_proves_nothing_is_refused(
    ours: OidcProvider, provider: Provider, what: str
) -> None:
    change, why = BAD[what]
    provider.change = change
    with pytest.raises(BadAnswer) as raised:
        await proved(ours)
    assert raised.value.why == why


async def test_the_same_way_with_a_good_token_proves_who_it_is(ours: OidcProvider) -> None:
    """Else all the refusals above could have another cause."""
    proof = await proved(ours)
    assert (proof.email, proof.verified, proof.role) == ("ann@example.org", True, "operator")


async def test_tokens_within_the_leeway_and_with_elliptic_curves_are_taken(
    ours: OidcProvider, provider: Provider
) -> None:
    provider.change = claim(exp=int(time.time()) - 10, iat=int(time.time()) + 10)
    assert (await proved(ours)).role == "operator"

    def elliptic(_header: dict[str, Any], claims: dict[str, Any]) -> str:
        return provider.sign({"alg": "ES256", "kid": provider.key("EC").kid}, claims)

    provider.change = elliptic
    assert (await proved(ours)).role == "operator"


async def test_a_code_counts_once_and_only_for_who_asked(ours: OidcProvider) -> None:
    way, _ = flow.begin("oidc", PEPPER)
    other, _ = flow.begin("oidc", PEPPER)
    code = await asyncio.to_thread(authorised, await ours.address(way))
    with pytest.raises(BadAnswer, match="not valid"):  # PKCE: another browser's verifier
        await ours.prove(other, code, None)
    code = await asyncio.to_thread(authorised, await ours.address(way))
    await ours.prove(way, code, None)
    with pytest.raises(BadAnswer) as raised:
        await ours.prove(way, code, None)
    assert raised.value.why == "code"


async def test_new_keys_of_the_provider_are_found_and_the_old_ones_forgotten(
    ours: OidcProvider, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = provider.asked.count("jwks.json")
    await proved(ours)
    await proved(ours)
    assert provider.asked.count("jwks.json") == before + 1  # kept
    old = provider.key()
    provider.rotate()
    with pytest.raises(BadAnswer):  # asked for so often at most
        await proved(ours)
    monkeypatch.setattr(jwks, "AGAIN_SECONDS", 0.0)
    await proved(ours)
    provider.change = lambda _header, claims: jwt.encode(
        {"alg": "RS256", "kid": old.kid}, claims, old
    )
    with pytest.raises(BadAnswer) as raised:
        await proved(ours)
    assert raised.value.why == "DecodeError"


async def test_a_provider_that_says_too_much_or_no_json_is_not_believed(
    ours: OidcProvider, provider: Provider
) -> None:
    provider.padding = 300_000
    try:
        with pytest.raises(Unavailable):
            await proved(ours)
    finally:
        provider.padding = 0
