"""The versions of everything, read from versions.toml and checked before anything is built with them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from clusters.problem import Problem

FILE = Path(__file__).with_name("versions.toml")


@dataclass(frozen=True)
class Versions:
    """One consistent choice. Go versions keep their leading `v`, as upstream tags do."""

    kubernetes: str
    volsync: str
    coredns: str
    etcd: str
    pause: str
    restic: str
    kind: str
    snapshotter: str
    provisioner: str
    resizer: str
    minio: str
    csi_protos: str
    csi_sanity: str
    debian: str

    def as_dict(self) -> dict[str, str]:
        """Component to version, for reports."""
        return dict(sorted(vars(self).items()))


def choose(*, kubernetes: str | None = None, volsync: str | None = None, file: Path = FILE) -> Versions:
    """The default versions, or others that `file` lists. Raises `Problem` for one that it does not list."""
    table = _read(file)
    kubernetes = _known(table, "kubernetes", kubernetes or table["default"]["kubernetes"], file)
    volsync = _known(table, "volsync", volsync or table["default"]["volsync"], file)
    fixed = {name.replace("-", "_"): version for name, version in table["fixed"].items()}
    try:
        return Versions(
            kubernetes=kubernetes,
            volsync=volsync,
            **table["kubernetes"][kubernetes],
            **table["volsync"][volsync],
            **fixed,
        )
    except TypeError as wrong:
        raise Problem(
            f"{file} does not describe one whole set of versions",
            why=str(wrong).replace("Versions.__init__()", "a set of versions"),
            remedy=f"compare the tables of {file} with the fields of clusters/versions.py",
        ) from None


@cache
def _read(file: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(file.read_text())
    except (OSError, tomllib.TOMLDecodeError) as wrong:
        raise Problem(f"cannot read {file}", why=str(wrong), remedy=f"git checkout -- {file}") from None
    missing = {"default", "fixed", "kubernetes", "volsync"} - table.keys()
    if missing:
        raise Problem(f"{file} is not whole", why=f"no table [{sorted(missing)[0]}]", remedy=f"git checkout -- {file}")
    return table


def _known(table: dict[str, Any], component: str, version: str, file: Path) -> str:
    wanted = version if version.startswith("v") else f"v{version}"
    if wanted not in table[component]:
        known = ", ".join(sorted(table[component]))
        raise Problem(
            f"{component} {version} is unknown",
            why=f"{file.name} lists {known}",
            remedy=f"choose one of these, or add [{component}.{wanted!r}] to {file} with what it needs beside it",
        )
    return wanted
