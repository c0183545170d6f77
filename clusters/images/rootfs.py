"""Debian root file systems, made by debootstrap: the base of our images and of the node image."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from clusters import docker, host, paths
from clusters.command import pipe, run, run_logged
from clusters.images import digest
from clusters.problem import Problem

_FOLDER = Path(__file__).parent
_DROPPED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "var/cache/apt", "var/lib/apt/lists")


def base_key(suite: str) -> str:
    """Digest of what the base root file system is made from."""
    return digest.of_texts(suite, *packages("base"))


def node_key(suite: str) -> str:
    """Digest of what the root file system of a node is made from."""
    return digest.of_texts(base_key(suite), *packages("node"), *packages("node", "packages-unstable.txt"), *_DROPPED)


def base_tag(suite: str) -> str:
    """The image that holds the base root file system and nothing else."""
    return f"firedrill/debian:{base_key(suite)}"


def node_tag(suite: str) -> str:
    """The image that holds the root file system of a node and nothing else."""
    return f"firedrill/debian-node:{node_key(suite)}"


def require_tools() -> None:
    """Install debootstrap where that is possible, else raise `Problem`."""
    if os.geteuid() != 0:
        raise Problem(
            "images cannot be built from source by this user",
            why="debootstrap makes device files and changes owners, which only root may do",
            remedy="run the same command with sudo, or use --images release where a registry answers",
        )
    host.install_tools()
    if shutil.which("debootstrap") is None:
        raise Problem(
            "images cannot be built from source on this machine",
            why="there is no debootstrap, and it can be installed on Debian and Ubuntu only",
            remedy="install debootstrap, or use --images release where a registry answers",
        )


def build(suite: str) -> None:
    """Make both root file systems and hand them to Docker as images. Needs root and Debian's package servers."""
    work = paths.cache() / "rootfs"
    log = paths.cache() / "logs" / "rootfs.log"
    log.unlink(missing_ok=True)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    root = work / suite
    try:
        include = ",".join(packages("base"))
        # It mounts proc and sysfs inside. Those are gone with it, even if it is killed before it can unmount them.
        alone = ["unshare", "--mount"]
        run_logged(
            [*alone, "debootstrap", "--variant=minbase", f"--include={include}", suite, root],
            what=f"making a Debian {suite} root file system",
            log=log,
        )
        shutil.copy("/etc/resolv.conf", root / "etc" / "resolv.conf")
        _import(root, base_tag(suite), base_key(suite))
        _add_node_packages(root, log)
        _import(root, node_tag(suite), node_key(suite))
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _add_node_packages(root: Path, log: Path) -> None:
    _write(root / "usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", mode=0o755)  # nothing may start in here
    mirror = next(line.split()[1] for line in (root / "etc/apt/sources.list").read_text().splitlines() if line)
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends"]
    _chroot(root, [*install, *packages("node")], log)
    _write(root / "etc/apt/sources.list.d/unstable.list", f"deb {mirror} unstable main\n")
    _write(root / "etc/apt/preferences.d/unstable", "Package: *\nPin: release a=unstable\nPin-Priority: 100\n")
    # Mirrors that lag carry an unstable whose date has run out; its signature is checked all the same.
    _chroot(root, ["apt-get", "-o", "Acquire::Check-Valid-Until=false", "update", "-q"], log)
    _chroot(root, [*install, "-t", "unstable", *packages("node", "packages-unstable.txt")], log)
    (root / "usr/sbin/policy-rc.d").unlink()


def _chroot(root: Path, command: list[str], log: Path) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    run_logged(["chroot", root, *command], what=" ".join(command[:2]), log=log, environment=environment)


def _import(root: Path, tag: str, key: str) -> None:
    leave_out = [f"--exclude=./{folder}/*" for folder in _DROPPED]
    label = ["--change", f"LABEL {docker.KEY_LABEL}={key}"]
    tar = ["tar", "-C", str(root), *leave_out, "-c", "."]
    imported = pipe(tar, ["docker", "import", *label, "-"], what=f"importing {tag}").strip()
    # Not before: Docker also takes the half that a tar wrote before it failed, and by its name it would pass for whole.
    run(["docker", "tag", imported, tag], what=f"naming {tag}")


def _write(file: Path, text: str, mode: int = 0o644) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(mode)


def packages(image: str, file: str = "packages.txt") -> list[str]:
    """The Debian packages of an image, `base` or `node`."""
    lines = (_FOLDER / image / file).read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]
