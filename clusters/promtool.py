"""Prometheus' own checker of alert rules, out of Debian's package.

The package is unpacked and not installed: installed, it would bring a server that starts at once, and 300 MB more.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from clusters import host, paths
from clusters.command import CommandFailed, run_logged

_NAME: Final = "promtool"
# Debian 13 has a package for it alone, Debian 12 has it beside the server.
_PACKAGES: Final = ("promtool", "prometheus")


def find() -> Path | None:
    """The program on PATH, or the one that was unpacked; None if there is none."""
    on_path = shutil.which(_NAME)
    unpacked = _folder() / _NAME
    return Path(on_path) if on_path else unpacked if unpacked.is_file() else None


def provide() -> None:
    """Unpack it where it is absent and that is possible: for root on Debian and Ubuntu."""
    if find() is not None or os.geteuid() != 0 or not host.is_debian():
        return
    host.say(f"unpacking {_NAME} from Debian's package")
    host.update_package_lists()
    for package in _PACKAGES:
        try:
            _unpack(package, host.apt_log())
        except CommandFailed:
            if package == _PACKAGES[-1]:
                raise
        if find() is not None:
            return


def _folder() -> Path:
    return paths.cache() / "debian"


def _unpack(package: str, log: Path) -> None:
    half = _folder() / f".half-{package}"
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    try:
        run_logged(["apt-get", "download", "-q", package], what=f"apt-get download {package}", log=log, cwd=half)
        [archive] = half.glob("*.deb")
        run_logged(["dpkg-deb", "--extract", archive, half / "root"], what=f"unpacking {archive.name}", log=log)
        found = half / "root" / "usr" / "bin" / _NAME
        if found.is_file():
            found.rename(_folder() / _NAME)
    finally:
        shutil.rmtree(half)
