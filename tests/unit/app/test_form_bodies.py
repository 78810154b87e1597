"""Forms are read in one way only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlencode

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import Field

from app import formbody
from app.errors import ApiError
from app.models import Form

Client = TestClient[web.Request, web.Application]
TYPE = {"Content-Type": formbody.TYPE}


class Sample(Form):
    """A form."""

    name: str = Field(min_length=1, max_length=5, pattern="^[a-z]+$")
    number: int = 1
    many: list[str] = Field(default_factory=list)


@pytest.fixture(name="client")
async def _client() -> AsyncIterator[Client]:
    """Return a client of a service that says what it read, or the status and code of the fault."""

    async def read(request: web.Request) -> web.Response:
        try:
            found = formbody.validated(Sample, await formbody.read(request))
            token = await formbody.token(request)
        except ApiError as error:
            return web.json_response([error.status, str(error)])
        return web.json_response([*found.model_dump().values(), token])

    app = web.Application()
    app.router.add_post("/", read)
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("name=a", ["a", 1, [], ""]),
        ("name=a&number=7&many=x&many=y&csrf_token=t", ["a", 7, ["x", "y"], "t"]),
        ("name=a&csrf_token=t&csrf_token=t", ["a", 1, [], ""]),
        ("name=a&name=b", [422, "a field is given twice"]),
        ("name=", [422, "name is missing"]),
        ("number=2", [422, "name is missing"]),
        ("name=abcdef", [422, "name is too long"]),
        ("name=A", [422, "name is not written as it has to be"]),
        ("name=a&number=x", [422, "number is none of what can be chosen"]),
        ("name=a&other=1", [422, "the form has a field that is not asked for"]),
        ("", [422, "name is missing"]),
        ("name", [400, "the form cannot be read"]),
        ("name=%ff", [400, "the form cannot be read"]),
        ("name=\u00e4", [400, "the form cannot be read"]),
        ("&".join(f"a{i}=" for i in range(101)), [400, "the form cannot be read"]),
        ("name=" + "a" * 17_000, [413, "the body is larger than this service takes"]),
    ],
)
async def test_a_form_is_read_or_refused_in_words(
    client: Client, body: str, said: list[object]
) -> None:
    answer = await client.post("/", data=body.encode(), headers=TYPE)
    assert await answer.json() == said


@pytest.mark.parametrize(
    "kind", ["application/json", "multipart/form-data; boundary=x", "text/plain", ""]
)
async def test_another_type_is_refused(client: Client, kind: str) -> None:
    body = urlencode({"name": "a"}).encode()
    answer = await client.post("/", data=body, headers={"Content-Type": kind})
    assert (await answer.json())[0] == 415


async def test_another_charset_is_refused(client: Client) -> None:
    kind = {"Content-Type": f"{formbody.TYPE}; charset=utf-16"}
    assert (await (await client.post("/", data=b"name=a", headers=kind)).json())[0] == 415
