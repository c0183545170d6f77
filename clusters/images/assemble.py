"""Images put together by Docker from parts that exist: binaries, files of ours, the Debian base."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from clusters import docker, paths

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from clusters.images.recipes import Image, Part

LOG = "images.log"


def build(image: Image, *, base_key: str, network: str = "none") -> None:
    """Build one image under its own name, labelled with its key; without a network unless one is named."""
    with context(image.dockerfile(), image.parts) as folder:
        log = paths.cache() / "logs" / LOG
        docker.build(folder, tag=image.reference, key=image.key(base_key), log=log, network=network)


@contextmanager
def context(dockerfile: str, parts: Sequence[Part]) -> Generator[Path]:
    """A build context that holds part n under the name n."""
    scratch = paths.cache() / "contexts"
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        folder = Path(name)
        (folder / "Dockerfile").write_text(dockerfile)
        for number, part in enumerate(parts):
            _place(part.source, folder / str(number))
        yield folder


def _place(source: Path, target: Path) -> None:
    if source.is_dir():
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, target, copy_function=_link_or_copy, ignore=ignore)
    else:
        _link_or_copy(source, target)


def _link_or_copy(source: str | Path, target: str | Path) -> str:
    try:
        os.link(source, target)  # binaries are large, and the cache is mostly on the same disk
    except OSError:
        shutil.copy2(source, target)
    return str(target)
