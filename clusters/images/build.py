"""Everything that has to be built before a cluster can start, in one go, skipping what is there already."""

from __future__ import annotations

import fcntl
import json
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from clusters import docker, host, paths, whole
from clusters.images import assemble, gomodule, nodeimage, older, rootfs
from clusters.images.recipes import BASE_REFERENCE, Artefact, Image, Recipes
from clusters.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from clusters.versions import Versions

_TIMES = "build-times.json"


@dataclass(frozen=True)
class Step:
    """One thing that is not there yet."""

    what: str
    do: Callable[[], None]
    compiles: bool = False


def ensure_artefacts(artefacts: Sequence[Artefact]) -> None:
    """Build those that are not built yet."""
    if unbuilt(artefacts):
        with one_at_a_time():
            work_on_artefacts(artefacts)
    forget_older((), artefacts)


def work_on_artefacts(artefacts: Sequence[Artefact]) -> None:
    """The same for who holds `one_at_a_time` already, without a look at what is older."""
    older.sweep()
    steps = unbuilt(artefacts)
    if steps:
        _work(steps)
        gomodule.clear_caches()


def ensure(versions: Versions, recipes: Recipes) -> str:
    """Build what is missing and return the name of the node image. Raises `Problem` before anything is half done."""
    if missing(versions, recipes):
        with one_at_a_time():
            older.sweep()
            steps = missing(versions, recipes)  # whoever was waited for may have built the same
            if steps:
                _require_disk(steps)
                _work(steps)
                gomodule.clear_caches()
    node = nodeimage.tag(versions, recipes)
    # Each time: the cluster that used an older one may have been replaced since.
    forget_older((node, rootfs.base_tag(versions.debian), rootfs.node_tag(versions.debian)), recipes.modules)
    return node


def ensure_image(versions: Versions, image: Image, artefacts: Sequence[Artefact]) -> None:
    """Build one image on our base, and what it is made from, where they are not built yet."""
    if _missing_of(versions, image, artefacts):
        with one_at_a_time():
            older.sweep()
            _work(_missing_of(versions, image, artefacts))
    forget_older((image.reference,), artefacts)


def forget_older(references: Sequence[str], artefacts: Sequence[Artefact]) -> None:
    """Remove what was these once. Not while somebody builds: it can wait, and whoever asked for these need not."""
    folders = [artefact.folder for artefact in artefacts]
    with _lock_file() as handle:
        if not _is_free(handle):
            older.ask_for(*folders)
            older.ask_for_images(*references)
            return
        if references:
            older.forget_images(*references)
        older.forget_folders(*folders)


def forget_everything() -> None:
    """Remove everything that was built here: images that no container uses, and the cache.

    What belongs to clusters stays, and so do locks: whoever waits for one waits for its very file.
    """
    with one_at_a_time():
        if docker.answers():
            for name in docker.ours():
                docker.remove_image(name)
            docker.remove_nameless()
        for entry in paths.cache().iterdir():
            if entry not in (paths.cluster_state(""), _lock_path()):
                paths.remove(entry) if entry.is_dir() else entry.unlink()


def _missing_of(versions: Versions, image: Image, artefacts: Sequence[Artefact]) -> list[Step]:
    base = _base(versions)
    base_key = base.key("")
    present = docker.keys(BASE_REFERENCE, image.reference)
    steps = unbuilt(artefacts)
    if present.get(BASE_REFERENCE) != base_key:
        tag = rootfs.base_tag(versions.debian)
        if docker.keys(tag).get(tag) != rootfs.base_key(versions.debian):
            rootfs.require_tools()
            steps.append(Step(f"Debian {versions.debian} root file systems", lambda: rootfs.build(versions.debian)))
        steps.append(Step("the base image", lambda: _assemble([base], base_key)))
    if present.get(image.reference) != image.key(base_key):
        steps.append(Step(image.reference, lambda: _assemble([image], base_key)))
    return steps


def missing(versions: Versions, recipes: Recipes) -> list[Step]:
    """What `ensure` would do now."""
    base = _base(versions)
    base_key = base.key("")
    roots = {
        rootfs.base_tag(versions.debian): rootfs.base_key(versions.debian),
        rootfs.node_tag(versions.debian): rootfs.node_key(versions.debian),
    }
    node = {nodeimage.tag(versions, recipes): nodeimage.key(versions, recipes)}
    wanted = {BASE_REFERENCE: base_key, **{image.reference: image.key(base_key) for image in recipes.images}}
    present = docker.keys(*roots, *node, *wanted)
    steps = unbuilt(recipes.modules)
    if any(present.get(tag) != key for tag, key in roots.items()):
        rootfs.require_tools()
        steps.append(Step(f"Debian {versions.debian} root file systems", lambda: rootfs.build(versions.debian)))
    stale = [image for image in (base, *recipes.images) if present.get(image.reference) != wanted[image.reference]]
    if stale:
        steps.append(Step("component images", lambda: _assemble(stale, base_key)))
    if present.get(nodeimage.tag(versions, recipes)) is None:
        steps.append(Step("the node image", lambda: nodeimage.build(versions, recipes)))
    return steps


def unbuilt(artefacts: Sequence[Artefact]) -> list[Step]:
    """How to build those that are not built yet."""
    return [Step(f"{a.component} {a.version}", a.build, compiles=True) for a in artefacts if not a.is_built()]


def _base(versions: Versions) -> Image:
    debian = f"FROM {rootfs.base_tag(versions.debian)}"
    return Image(BASE_REFERENCE, (), (debian, "RUN update-alternatives --set iptables /usr/sbin/iptables-legacy"))


def _assemble(images: Sequence[Image], base_key: str) -> None:
    for image in images:
        assemble.build(image, base_key=base_key)


def _require_disk(steps: Sequence[Step]) -> None:
    compiles = sum(step.compiles for step in steps)
    peak = host.DISK_PEAK_BYTES if compiles > 3 else host.DISK_REST_BYTES
    host.require_disk(peak, why=f"{len(steps)} things have to be built, {compiles} of them from Go sources")


def _work(steps: Sequence[Step]) -> None:
    progress = Progress("building", len(steps))
    for step in steps:
        started_s = time.monotonic()
        with progress.step(step.what):
            step.do()
        _record(step.what, time.monotonic() - started_s)


def recorded_times_s() -> dict[str, float]:
    """How long each step took when it was last done here, in seconds."""
    file = paths.cache() / _TIMES
    times: dict[str, float] = json.loads(file.read_text()) if file.exists() else {}
    return times


def _record(what: str, took_s: float) -> None:
    times = {**recorded_times_s(), what: round(took_s, 1)}
    whole.write(paths.cache() / _TIMES, json.dumps(times, indent=2))


@contextmanager
def one_at_a_time() -> Generator[None]:
    """Hold the right to build and to name images on this machine. A second run waits and says so."""
    with _lock_file() as handle:
        if not _is_free(handle):
            host.say("another run builds images; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _lock_path() -> Path:
    return paths.cache() / "build.lock"


def _lock_file() -> IO[str]:
    _lock_path().parent.mkdir(parents=True, exist_ok=True)
    return _lock_path().open("w")


def _is_free(handle: IO[str]) -> bool:
    """Take the lock if nobody has it; whether that was so."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
