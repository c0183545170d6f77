"""What was made here from inputs that have changed since: images, folders of the cache, and what a killed build left.

What is named for its content has a name that ends in a digest. Two such names that differ in nothing else are one thing
made from other inputs; another version or another component is another thing, and stays.
"""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from clusters import docker, paths
from clusters.images import digest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# A run from another folder of sources may have asked for it a moment ago, and be about to use it.
SPARED_S: Final = 3600.0
_NAMED_FOR_CONTENT: Final = re.compile(rf"(.*[:-])[0-9a-f]{{{digest.LENGTH}}}")
_BUILT_INTO: Final = ("go-built", "python")
_HALF: Final = ".half-*"


def than(wanted: Iterable[str], there: Iterable[str]) -> list[str]:
    """Which of the names that are there are things that are wanted, from other inputs."""
    kept = {_short(name) for name in wanted}
    stems = {match[1] for name in kept if (match := _NAMED_FOR_CONTENT.fullmatch(name))}
    return [
        name
        for name in there
        if name not in kept and (match := _NAMED_FOR_CONTENT.fullmatch(name)) and match[1] in stems
    ]


def forget_images(*wanted: str) -> list[str]:
    """Remove images of ours that are older than those wanted, and those that rebuilding left without a name.

    Images that a container uses stay, because Docker refuses to remove them, and so do those made or asked for within
    the last hour. They go another time. Returns those that went.
    """
    ask_for_images(*wanted)
    made = docker.ours()
    fresh_s = time.time() - SPARED_S
    older = [name for name in than(wanted, made) if max(made[name].timestamp(), _asked_s(name)) < fresh_s]
    gone = [name for name in older if docker.remove_image(name)]
    for name in gone:
        _stamp(name).unlink(missing_ok=True)
    docker.remove_nameless()
    return gone


def ask_for_images(*wanted: str) -> None:
    """Note that images were asked for now: Docker itself knows only when they were made."""
    for name in wanted:
        _stamp(name).parent.mkdir(parents=True, exist_ok=True)
        _stamp(name).touch()


def ask_for(*wanted: Path) -> None:
    """Note that folders were asked for now: their age is counted from then."""
    for folder in wanted:
        if folder.is_dir():
            os.utime(folder)


def forget_folders(*wanted: Path) -> list[Path]:
    """Remove folders beside those wanted that hold the same from other inputs, and were not asked for in an hour.

    Returns those that went.
    """
    ask_for(*wanted)
    gone = []
    for parent in {folder.parent for folder in wanted}:
        names = [folder.name for folder in wanted if folder.parent == parent]
        for name in than(names, sorted(each.name for each in parent.glob("*"))):
            if time.time() - (folder := parent / name).stat().st_mtime > SPARED_S:
                paths.remove(folder)
                gone.append(folder)
    return gone


def sweep() -> None:
    """Remove what builds that were killed left half done. For who holds the right to build: nobody else is at it."""
    halves = [half for name in _BUILT_INTO for half in (paths.cache() / name).glob(_HALF)]
    for left in (*halves, *(paths.cache() / "contexts").glob("*")):
        paths.remove(left)


def _stamp(name: str) -> Path:
    return paths.cache() / "asked" / quote(_short(name), safe="")


def _asked_s(name: str) -> float:
    try:
        return _stamp(name).stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _short(name: str) -> str:
    """As Docker lists it: the registry of those that name none is left out."""
    return name.removeprefix("docker.io/")
