"""The stores outside the cluster, on a Docker that is played: what a kill leaves of them is set right by the next."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from clusters import docker, paths
from clusters.problem import Problem
from fixtures.components import controller, minio
from fixtures.components.minio import MOVED_PORT, PORT, Minio

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

STORE = Minio("local")


class KilledError(Exception):
    """Stands for a kill -9: nothing of the program goes on."""


class Docker:
    """One that runs at most the one container; `killed_at` is the command at which whoever asks is killed."""

    def __init__(self) -> None:
        self.container: dict[str, Any] | None = None
        self.runs = 0
        self.killed_at = ""

    def run(self, arguments: Sequence[str], *, what: str, environment: Any = None) -> str:
        assert what
        command = arguments[1]
        if command == self.killed_at:
            raise KilledError
        if command == "rm":
            self.container = None
        if command == "run":
            self.runs += 1
            labels = dict(a.removeprefix("--label=").split("=") for a in arguments if a.startswith("--label="))
            port = f"{arguments[arguments.index('--publish') + 1].rpartition(':')[2]}/tcp"
            self.container = {
                "Config": {"Labels": labels},
                "State": {"Status": "running"},
                "HostConfig": {"PortBindings": {port: [{"HostPort": ""}]}},
                "NetworkSettings": {
                    "Ports": {port: [{"HostPort": "40000"}]}, "Networks": {"kind": {"IPAddress": "10.0.0.9"}},
                },
                "user": environment["MINIO_ROOT_USER"],
            }  # fmt: skip
        return ""

    def inspect(self, _kind: str, name: str) -> dict[str, Any]:
        return {name: self.container} if self.container else {}


@pytest.fixture
def played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Docker:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    it = Docker()
    monkeypatch.setattr(minio, "run", it.run)
    monkeypatch.setattr(docker, "inspect", it.inspect)
    paths.cluster_state("c").mkdir(parents=True)
    STORE.install(_place())
    return it


def _place() -> Any:
    return SimpleNamespace(
        cluster=SimpleNamespace(name="c"),
        kube=SimpleNamespace(apply_all=lambda _: None),
        images=SimpleNamespace(minio_image=lambda: "minio:v1"),
    )


def _port(it: Docker) -> str:
    assert it.container is not None
    [port] = it.container["HostConfig"]["PortBindings"]
    return str(port)


@pytest.mark.parametrize("killed_at", ["rm", "run"])
def test_a_move_that_was_killed_is_completed_by_the_next_start_and_can_be_undone(
    played: Docker, killed_at: str
) -> None:
    before = STORE.address(_place())
    played.killed_at = killed_at
    with pytest.raises(KilledError):
        STORE.move(_place())
    with pytest.raises(Problem):
        STORE.address(_place())
    played.killed_at = ""
    STORE.install(_place())
    assert _port(played) == f"{MOVED_PORT}/tcp"
    assert STORE.address(_place()).access_key != before.access_key
    assert STORE.move_back(_place())
    assert STORE.address(_place()) == before
    assert not STORE.move_back(_place())


def test_a_move_that_was_killed_before_it_had_other_keys_gets_them_when_it_is_done_again(
    played: Docker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*_: object) -> None:
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(Minio, "_write_access", kill)
        with pytest.raises(KilledError):
            STORE.move(_place())
    STORE.install(_place())
    assert _port(played) == f"{PORT}/tcp"
    STORE.move(_place())
    assert _port(played) == f"{MOVED_PORT}/tcp"


@pytest.mark.parametrize("killed_at", ["rm", "run"])
def test_a_move_back_that_was_killed_is_done_again(played: Docker, killed_at: str) -> None:
    before = STORE.address(_place())
    STORE.move(_place())
    played.killed_at = killed_at
    with pytest.raises(KilledError):
        STORE.move_back(_place())
    played.killed_at = ""
    STORE.install(_place())
    assert STORE.address(_place()) == before
    assert STORE.move_back(_place())
    assert STORE.address(_place()) == before


def test_a_store_that_runs_as_it_has_to_is_started_once(played: Docker) -> None:
    STORE.install(_place())
    assert played.runs == 1


def test_a_store_that_an_earlier_version_started_is_judged_by_its_port(played: Docker) -> None:
    assert played.container is not None
    del played.container["Config"]["Labels"]["dev.firedrill.access"]
    STORE.install(_place())
    assert played.runs == 1
    file = paths.cluster_state("c") / "store-local.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "port": MOVED_PORT}))
    STORE.install(_place())
    assert _port(played) == f"{MOVED_PORT}/tcp"


def test_no_key_shows_in_the_labels_of_a_store(played: Docker) -> None:
    assert played.container is not None
    access = json.loads((paths.cluster_state("c") / "store-local.json").read_text())
    labels = str(played.container["Config"]["Labels"])
    assert not any(access[key] in labels for key in ("access_key", "secret_key"))


@pytest.mark.parametrize("ask", [STORE.install, controller._password], ids=["keys of a store", "the password"])
def test_what_is_kept_secret_is_there_whole_or_not_at_all_and_for_this_user_alone(
    played: Docker, monkeypatch: pytest.MonkeyPatch, ask: Callable[[Any], Any]
) -> None:
    def kill(half: Path, _: object) -> None:
        modes.append(stat.S_IMODE(half.stat().st_mode))
        raise KilledError

    modes: list[int] = []
    folder = paths.cluster_state("c")
    (folder / "store-local.json").unlink()
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", kill)
        with pytest.raises(KilledError):
            ask(_place())
    assert not [*folder.glob("*.json")]
    assert modes == [0o600]
    ask(_place())
    assert played.container is not None
    assert [stat.S_IMODE(file.stat().st_mode) for file in folder.glob("*.json")] == [0o600]
