"""A volume that really exists: a folder written and read by the agent, with a true ledger beside it.

Root gets every attribute; any other user gets all that this user may set.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from fixtures.agent.observe import observe
from fixtures.agent.write import make
from fixtures.history import BackupState, Evidence, Request, Restored, RestorePoint
from fixtures.ledger import Ledger
from fixtures.tree import Tree
from fixtures.workload import FIRST_RUN, Generation, Workload

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

    from fixtures.history import History, Selection

NONCE: Final = "nonce-1234"
VOLUME: Final = "orders/data"
REPOSITORY: Final = "local"
IMAGE: Final = "orders/volsync-data-dst-dest-20260101120000"
START: Final = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)

OWNER: Final = None if os.getuid() == 0 else (os.getuid(), os.getgid())
SMALL: Final = Workload(files=12, file_size_bytes=600, large_files=1, large_file_size_bytes=70_000, owner=OWNER, seed=7)


def generation(number: int, *, nonce: str = NONCE, volume: str = VOLUME) -> Generation:
    return SMALL.generation(number, nonce=nonce, volume=volume)


def volume_of(folder: Path, number: int, *, nonce: str = NONCE, volume: str = VOLUME) -> Path:
    """A folder that holds this generation, written by the agent."""
    folder.mkdir(exist_ok=True)
    make(folder, generation(number, nonce=nonce, volume=volume))
    return folder


def seen_in(folder: Path) -> Tree:
    return Tree.read(observe(folder))


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def request(*, selection: Selection | None = None, lag_s: float = 0.0, asked_at: datetime | None = None) -> Request:
    return Request(
        volume=VOLUME,
        into=VOLUME,
        repository=REPOSITORY,
        selection=selection or RestorePoint(),
        mover="restic",
        asked_at=asked_at or at(60),
        lag_s=lag_s,
    )


def evidence(number: int) -> Evidence:
    """All that shows a restore of the backup of this generation, as `Scene.back_up` notes it."""
    return Evidence(
        populated_from=IMAGE, image=IMAGE, image_created_at=at(61), restored_point=f"{number:064x}"[::-1][:8]
    )


@dataclass
class Scene:
    """A ledger that is written as a drill would write it; minutes pass as the test says."""

    folder: Path
    minute: float = 0.0
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = Ledger.start(
            self.folder,
            run="run-1",
            seed=SMALL.seed,
            nonce=NONCE,
            versions={"volsync": "0.16.0"},
            now=lambda: at(self.minute),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.ledger.close()

    @property
    def history(self) -> History:
        return self.ledger.history()

    def write(self, number: int, *, volume: str = VOLUME) -> None:
        self.minute += 1
        self.ledger.wrote(volume, number, generation(number, volume=volume).tree())

    def first_run(self) -> None:
        self.ledger.first_run(VOLUME, generation(FIRST_RUN).tree())

    def back_up(self, number: int, state: BackupState = BackupState.ACKNOWLEDGED) -> None:
        self.minute += 1
        self.ledger.backed_up(
            VOLUME,
            repository=REPOSITORY,
            generation=number,
            state=state,
            restore_point=f"{number:064x}"[::-1] if state is BackupState.ACKNOWLEDGED else None,
            taken_at=at(self.minute),
            copied_at=at(self.minute - 0.5),
        )

    def destroy(self) -> None:
        self.minute += 1
        self.ledger.destroyed(f"namespace of {VOLUME}", proof="PersistentVolume pvc-1 not found", volume=VOLUME)

    def two_generations_backed_up_and_lost(self) -> Scene:
        for number in (1, 2):
            self.write(number)
            self.back_up(number)
        self.destroy()
        return self


def restored(number: int = 2, *, of: Request | None = None) -> Restored:
    return Restored("r1", of or request(), evidence(number))
