"""Keys that are renewed while a mover runs: which the store is asked about, and what a paused source looks like."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from controller import rotation
from controller.contract import Repo
from controller.model import Kind, MissingCredentials, Mover, Replace, Unknown
from controller.settings import ExternalSecrets
from tests.controller.scene import EXISTS, SETTINGS, decision, protecting, settled_claim, world

if TYPE_CHECKING:
    from controller.model import Child, World

OLD = "b2xk"
CLAIM = settled_claim()
SOURCE = next(each.name for each in protecting() if each.kind is Kind.SOURCE)
MOVER = Mover(f"volsync-src-{SOURCE}-x7k2p", SOURCE)


def children_with(**keys: str) -> tuple[Child, ...]:
    """The children of the claim, its Secret with other keys."""
    return tuple(
        replace(each, content={**each.content, **keys}) if each.kind is Kind.SECRET else each for each in protecting()
    )


def seen(**changes: Any) -> World:
    """A mover runs whose Secret has other keys than the base Secret."""
    return replace(world(CLAIM, EXISTS, children=children_with(AWS_ACCESS_KEY_ID=OLD), movers=(MOVER,)), **changes)


def test_the_keys_of_a_mover_that_were_renewed_since_are_asked_about() -> None:
    [(repo, keys)] = rotation.outdated(CLAIM, seen(), SETTINGS).items()
    assert repo is Repo.LOCAL
    assert keys.data["AWS_ACCESS_KEY_ID"] == OLD


@pytest.mark.parametrize(
    "around",
    [
        seen(children=protecting()),
        seen(movers=()),
        seen(movers=(replace(MOVER, waiting=True),)),  # it will be given the keys of now
        seen(movers=(replace(MOVER, owner="another"),)),
        seen(truths={Repo.LOCAL: Unknown("connection refused")}),  # then a refusal would prove nothing
        seen(credentials={Repo.LOCAL: MissingCredentials("gone")}),
        seen(children=children_with(RESTIC_PASSWORD=OLD)),  # no key of the store
        seen(children=children_with(AWS_ACCESS_KEY_ID=OLD, RESTIC_REPOSITORY="elsewhere")),
        seen(children=()),
    ],
)
def test_no_store_is_asked_where_nothing_could_be_shown(around: World) -> None:
    assert rotation.outdated(CLAIM, around, SETTINGS) == {}


def test_a_secret_that_the_operator_writes_is_left_to_it() -> None:
    vault = replace(SETTINGS, external_secrets=ExternalSecrets("SecretStore", "vault", {Repo.LOCAL: "local"}))
    assert rotation.outdated(CLAIM, seen(), vault) == {}


def test_a_source_is_paused_with_nothing_else_changed_and_its_backup_on_request_kept() -> None:
    [source] = [each for each in protecting() if each.kind is Kind.SOURCE]
    asked = replace(source, content={**source.content, "trigger": {**source.content["trigger"], "manual": "now-1"}})
    children = tuple(asked if each.kind is Kind.SOURCE else each for each in children_with(AWS_ACCESS_KEY_ID=OLD))
    [write] = decision(seen(children=children, locked_out=frozenset({Repo.LOCAL}))).writes
    assert isinstance(write, Replace)
    assert write.version == asked.version
    assert write.body["spec"] == {**asked.content, "paused": True}
