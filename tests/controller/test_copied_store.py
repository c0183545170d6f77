"""A store that was copied: each object bears the time of its copy, so that another restore point seems to be newest."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from controller import newest
from controller.contract import Repo
from controller.intent import read
from controller.model import Exists, Unknown
from controller.newest import Newest
from controller.store.asking import Seen
from controller.store.known import Known
from controller.store.watch import StoreWatch
from tests.controller.scene import BASE, EXISTS, NOW, POINTS, SETTINGS, STANDBY, protecting, settled_claim

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controller.model import Truth
    from controller.store.watch import Told

COPIED = Exists(POINTS[0].id, NOW, len(POINTS))
IDS = frozenset(point.id for point in POINTS)


class _Stores:
    """It lists this, and says that when its repository is read."""

    def __init__(self, listed: Exists, exact: Truth) -> None:
        self._listed, self._exact = listed, exact
        self.reads = 0

    async def look(self, *_: object) -> Seen:
        return Seen(self._listed, known=Known(1 << 30), points=IDS)

    async def noted(self, *_: object) -> Mapping[str, Known]:
        return {}

    async def read(self, *_: object) -> Truth:
        self.reads += 1
        return self._exact


def watched(
    annotations: Mapping[str, str], listed: Exists = COPIED, exact: Truth = EXISTS, noted: str | None = POINTS[-1].id
) -> tuple[Truth, int]:
    """What a settled claim is told, and how often its repository was read; `noted` was the newest before."""
    stores = _Stores(listed, exact)
    return told(annotations, stores, noted).truths[Repo.LOCAL], stores.reads


def told(
    annotations: Mapping[str, str],
    stores: _Stores | None = None,
    noted: str | None = POINTS[-1].id,
    synced_at: str = "then",
) -> Told:
    mark = {} if noted is None else newest.written("uid-1", {Repo.LOCAL: Newest(noted, POINTS[-1].at, "then")})
    of = settled_claim({**annotations, **mark})
    asked: Any = stores or _Stores(COPIED, EXISTS)
    sources = protecting(of, lastSyncTime=synced_at)
    return asyncio.run(StoreWatch(asked).look(of, read(of, SETTINGS), sources, {Repo.LOCAL: BASE}, a_mover_runs=False))


@pytest.mark.parametrize("noted", [None, POINTS[-1].id])
def test_what_stands_by_is_of_the_point_that_the_repository_calls_the_newest(noted: str | None) -> None:
    truth, reads = watched(STANDBY, noted=noted)
    assert isinstance(truth, Exists)
    assert (truth.newest, truth.count, reads) == (POINTS[-1].id, len(POINTS), 1)


def test_the_repository_is_not_read_again_for_a_point_that_is_known_to_be_the_newest() -> None:
    same = Exists(POINTS[-1].id, POINTS[-1].at, len(POINTS))
    assert watched(STANDBY, same) == (same, 0)


def test_the_repository_is_not_read_for_a_claim_without_a_standby_or_with_one_restore_point() -> None:
    assert watched({}) == (COPIED, 0)
    alone = Exists(POINTS[0].id, NOW, 1)
    assert watched(STANDBY, alone) == (alone, 0)


def test_another_point_that_is_listed_as_the_newest_is_not_noted_while_no_mover_has_ended() -> None:
    assert [told({}, synced_at=at).newest for at in ("then", "later")] == [
        {},
        {Repo.LOCAL: Newest(COPIED.newest, NOW.replace(microsecond=0), "later")},
    ]


def test_where_the_repository_does_not_tell_its_newest_point_nothing_is_made_to_stand_by() -> None:
    assert watched(STANDBY, exact=Unknown("wrong password")) == (Unknown("wrong password"), 1)
