"""Binaries and files of Go modules, built into the cache from the go.mod folders beside this file."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from clusters import paths
from clusters.command import CommandFailed, run, run_logged
from clusters.images import digest
from clusters.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Tree:
    """A folder or file of a module that is kept beside the binaries, because manifests or scripts are taken from it."""

    module: str
    path: str
    kept_as: str


@dataclass(frozen=True)
class GoModule:
    """What one folder `clusters/images/<component>/<version>/` yields.

    `rename` maps what `go build` calls a binary to what it is called here; `ldflags` are added to `-s -w`.
    """

    component: str
    version: str
    rename: tuple[tuple[str, str], ...] = ()
    ldflags: str = ""
    trees: tuple[Tree, ...] = ()
    tools: bool = True

    @property
    def source(self) -> Path:
        """The folder with go.mod. Raises `Problem` if this version has none."""
        folder = _FOLDER / self.component / self.version
        if not (folder / "go.mod").exists():
            known = ", ".join(sorted(p.name for p in folder.parent.glob("*") if (p / "go.mod").exists())) or "none"
            raise Problem(
                f"{self.component} {self.version} cannot be built from source",
                why=f"there is no {folder}/go.mod; there are: {known}",
                remedy="choose one of these, use --images release, or add such a folder (docs/architecture.md)",
            )
        return folder

    def key(self) -> str:
        """Digest of everything that the result depends on: sources, flags, toolchain."""
        description = json.dumps(
            [self.rename, self.ldflags, [vars(t) for t in self.trees]], sort_keys=True, default=str
        )
        alone = () if self.tools else ("files alone",)
        return digest.of_texts(digest.of_files(self.source), description, toolchain(), *alone)

    @property
    def folder(self) -> Path:
        """Where the result is, or will be."""
        # Files alone are another thing than the same with programs: neither is an older form of the other.
        alone = "" if self.tools else "files-"
        return paths.cache() / "go-built" / f"{self.component}-{self.version}-{alone}{self.key()}"

    def is_built(self) -> bool:
        """Whether the result is there. It appears whole or not at all."""
        return self.folder.is_dir()

    def build(self) -> None:
        """Build and publish the result by one rename. Raises `CommandFailed` with the place of the log."""
        log = paths.cache() / "logs" / f"go-{self.component}-{self.version}.log"
        log.unlink(missing_ok=True)
        half = self.folder.with_name(f".half-{self.folder.name}")
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        if self.tools:
            run_logged(
                ["go", "build", "-trimpath", "-ldflags", f"-s -w {self.ldflags}".strip(), "-o", f"{half}/", "tool"],
                what=f"building {self.component} {self.version}",
                log=log,
                environment=environment(),
                cwd=self.source,
            )
            for built_as, called in self.rename:
                (half / built_as).rename(half / called)
        for tree in self.trees:
            _copy(module_folder(tree.module, self.source) / tree.path, half / tree.kept_as)
        half.rename(self.folder)


def environment() -> Mapping[str, str]:
    """Go's environment for our builds: caches of our own, so that clearing them touches nobody else's."""
    caches = go_caches()
    return {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly -buildvcs=false",
        "GOMODCACHE": str(caches / "mod"),
        "GOCACHE": str(caches / "build"),
    }


def go_caches() -> Path:
    """The folder of our Go module and build caches."""
    return paths.cache() / "go"


def clear_caches() -> None:
    """Remove our Go caches. What was built from them stays. `FIREDRILL_KEEP_GO_CACHES=1` keeps them."""
    if os.environ.get("FIREDRILL_KEEP_GO_CACHES") == "1" or not go_caches().exists():
        return
    # The module cache is read-only on disk; Go's own command knows how to take it away.
    run(["go", "clean", "-modcache", "-cache"], what="clearing the Go caches", environment=environment())
    shutil.rmtree(go_caches(), ignore_errors=True)


@cache
def toolchain() -> str:
    """`go version`, or a `Problem` with the way to get Go."""
    try:
        return run(["go", "version"], what="asking Go for its version").strip()
    except CommandFailed:
        raise
    except Problem as absent:
        raise Problem(
            "images cannot be built from source",
            why=absent.why,
            remedy="install Go 1.26 or newer and put it on PATH, or use --images release where a registry answers",
        ) from None


def module_folder(module: str, source: Path) -> Path:
    """Where the module cache holds a module at the version that `source`/go.mod names, downloading it if need be."""
    listed = run(
        ["go", "list", "-m", "-json", module],
        what=f"looking for the module {module}",
        environment=environment(),
        cwd=source,
    )
    version = json.loads(listed)
    replaced = version.get("Replace") or version
    downloaded = run(
        ["go", "mod", "download", "-json", f"{replaced['Path']}@{replaced['Version']}"],
        what=f"downloading the module {module}",
        environment=environment(),
        cwd=source,
    )
    return Path(json.loads(downloaded)["Dir"])


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, copy_function=shutil.copy)
        for path in [target, *target.rglob("*")]:
            path.chmod(path.stat().st_mode | 0o200)  # the module cache is read-only; ours is to be deleted one day
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
        target.chmod(0o644)
