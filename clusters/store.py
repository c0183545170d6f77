"""The folder that all nodes of a kind cluster share: an XFS image where this machine allows it, else a plain folder.

XFS copies a file by reference: a snapshot of a volume then takes milliseconds whatever its size. `csi/` in it belongs
to the CSI driver (`csi/nodes/<node>` dies with that node), `share/` stands in for an NFS or CephFS share and outlives
the cluster.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from clusters import host
from clusters.command import run
from clusters.problem import Problem

SIZE_BYTES = 64 * 2**30
"""Apparent size of the image. It is sparse: it takes what is written."""


class Store:
    """The shared folder below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "store"
        self.volumes = self.path / "csi"
        self._image = folder / "store.xfs"

    def mount(self) -> None:
        """Make it and, where possible, mount it. Idempotent."""
        self.path.mkdir(parents=True, exist_ok=True)
        if not self.is_mounted() and self._can_mount():
            if not self._image.exists():
                half = self._image.with_suffix(".half")
                with half.open("wb") as file:
                    file.truncate(SIZE_BYTES)
                run(["mkfs.xfs", "-q", "-f", "-m", "reflink=1", half], what=f"making an XFS file system in {half}")
                half.rename(self._image)
            run(["mount", "-o", "loop,discard", self._image, self.path], what=f"mounting {self._image}")
        for folder in (self.volumes, self.path / "share"):
            folder.mkdir(exist_ok=True)

    def is_mounted(self) -> bool:
        """Whether the XFS image is mounted, here and now."""
        return self.path.is_mount()

    def is_ready(self) -> bool:
        """Whether a node that is started now would find its data."""
        return self.volumes.is_dir() and (self.is_mounted() or not self._image.exists())

    def remove(self) -> None:
        """Unmount and delete everything, the share too. Raises `Problem` where this user may not."""
        if self.is_mounted():
            run(["umount", self.path], what=f"unmounting {self.path}")
        self._image.unlink(missing_ok=True)
        try:
            if self.path.exists():
                shutil.rmtree(self.path)
        except PermissionError as refused:
            raise Problem(
                f"{self.path} cannot be removed by this user",
                why=f"pods wrote there as root ({refused.strerror}: {refused.filename})",
                remedy=f"sudo rm -rf {self.path}; then make down once more",
            ) from None

    @staticmethod
    def _can_mount() -> bool:
        if os.geteuid() != 0:
            return False
        if shutil.which("mkfs.xfs") is None:
            host.say("no mkfs.xfs: volumes are kept in a plain folder, where snapshots are slow (package xfsprogs)")
            return False
        if "xfs" not in Path("/proc/filesystems").read_text():
            subprocess.run(["modprobe", "xfs"], capture_output=True, check=False)
        return "xfs" in Path("/proc/filesystems").read_text()
