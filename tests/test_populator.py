"""The populator of VolSync can forget a claim: it is woken when it has, and left alone otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fixtures.engines import volsync
from fixtures.kube.kinds import CLAIM, VOLUME


class Api:
    """One claim that waits for its populator, as the API server shows it."""

    def __init__(self, *, prime_phase: str = "Bound", bound_for_s: float = 60, owner: str = "vs-prime-u1") -> None:
        at = datetime.now(UTC) - timedelta(seconds=bound_for_s)
        self.claim: dict[str, Any] = {
            "metadata": {"name": "orders", "namespace": "shop", "uid": "u1"},
            "status": {"phase": "Pending"},
        }
        prime = {
            "metadata": {"name": "vs-prime-u1"},
            "spec": {"volumeName": "pv-1"},
            "status": {"phase": prime_phase},
        }
        volume = {
            "spec": {"claimRef": {"name": owner}},
            "status": {"lastPhaseTransitionTime": f"{at:%Y-%m-%dT%H:%M:%SZ}"},
        }
        self._objects: dict[Any, Any] = {(CLAIM, "vs-prime-u1"): prime, (VOLUME, "pv-1"): volume}
        self.changes: list[Any] = []

    def get(self, kind: Any, name: str, namespace: str | None = None) -> Any:
        del namespace
        return self._objects.get((kind, name))

    def patch(self, kind: Any, name: str, namespace: str, changes: Any) -> None:
        assert (kind, name, namespace) == (CLAIM, "orders", "shop")
        self.changes.append(changes)
        self.claim["metadata"]["annotations"] = changes["metadata"]["annotations"]

    def nudge(self) -> str | None:
        kube: Any = self
        return volsync.nudge_stalled_populator(kube, self.claim)


def test_a_claim_whose_filled_volume_is_not_handed_over_is_touched_once_and_it_is_said() -> None:
    api = Api()
    said = api.nudge()
    assert said is not None
    assert "shop/orders" in said
    assert len(api.changes) == 1
    assert api.nudge() is None, "once is enough to wake it; a second time would hide that it did not help"


@pytest.mark.parametrize(
    "state",
    [{"bound_for_s": 0}, {"prime_phase": "Pending"}, {"owner": "orders"}],
    ids=["just bound", "still being filled", "handed over already"],
)
def test_a_populator_at_work_is_left_alone(state: dict[str, Any]) -> None:
    api = Api(**state)
    assert api.nudge() is None
    assert not api.changes


def test_a_bound_claim_is_left_alone() -> None:
    api = Api()
    api.claim["status"]["phase"] = "Bound"
    assert api.nudge() is None
    assert not api.changes
