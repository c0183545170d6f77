"""The base Secrets: read again now and then, told apart when they are missing, and not lost when nobody answers."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from controller.cluster import base
from controller.cluster.api import CHILDREN
from controller.cluster.base import BaseSecrets
from controller.contract import Repo
from controller.model import Credentials, Kind, MissingCredentials
from tests.controller.api_server import ApiServer, serving
from tests.controller.scene import BASE

if TYPE_CHECKING:
    from collections.abc import Callable

    from controller.cluster.base import Given

PATH = CHILDREN[Kind.SECRET].path("controller", "store-local")
RENEWED = Credentials({**BASE.data, "AWS_ACCESS_KEY_ID": "bmV3"})


def _stored(server: ApiServer, of: Credentials) -> None:
    server.put(PATH, {"metadata": {"namespace": "controller"}, "data": dict(of.data)})


def _given(server: ApiServer, *between: Callable[[], Any]) -> list[Given]:
    """What is given at first, and after each of what happens between."""
    configuration: Any = SimpleNamespace(namespace="controller", base_secrets={Repo.LOCAL: "store-local"})

    async def within() -> list[Given]:
        async with serving(server) as api:
            secrets = BaseSecrets(api, configuration)
            found = [(await secrets.current())[Repo.LOCAL]]
            for happen in between:
                happen()
                found.append((await secrets.current())[Repo.LOCAL])
            return found

    return asyncio.run(within())


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> ApiServer:
    """With the base Secret, which is read again at each turn."""
    monkeypatch.setattr(base, "_READ_EVERY_S", -1.0)
    found = ApiServer()
    _stored(found, BASE)
    return found


def test_a_base_secret_that_was_renewed_is_read_again(server: ApiServer) -> None:
    assert _given(server, lambda: _stored(server, RENEWED)) == [BASE, RENEWED]


def test_it_is_not_read_for_every_claim(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_READ_EVERY_S", 30.0)
    assert _given(server, lambda: _stored(server, RENEWED)) == [BASE, BASE]
    assert server.asked == [f"GET {PATH}"]


def test_one_that_was_deleted_is_missing_and_looked_for_at_each_turn(server: ApiServer) -> None:
    first, gone, back = _given(server, lambda: server.remove(PATH), lambda: _stored(server, RENEWED))
    assert (first, back) == (BASE, RENEWED)
    assert isinstance(gone, MissingCredentials)
    assert "store-local of the local repository does not exist" in gone.why


@pytest.mark.parametrize("status", [429, 500, 503])
def test_while_the_api_server_does_not_answer_what_was_given_before_still_counts(
    server: ApiServer, status: int
) -> None:
    assert _given(server, lambda: server.refuse[PATH].append(status)) == [BASE, BASE]


def test_what_may_not_be_read_any_more_or_was_never_read_is_missing(server: ApiServer) -> None:
    first, forbidden = _given(server, lambda: server.refuse[PATH].append(403))
    assert first == BASE
    assert isinstance(forbidden, MissingCredentials)
    server.refuse[PATH].append(503)
    assert isinstance(_given(server)[0], MissingCredentials)
