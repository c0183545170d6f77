"""A small tree of files with everything that a copy could lose, and what can be seen of it."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1024 * 1024
# linux/posix_acl_xattr.h: version 2, then tag, permissions, id: owner rw, user 1234 r, group r, mask r, other none.
_ACL = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", *entry)
    for entry in ((1, 6, 0xFFFFFFFF), (2, 4, 1234), (4, 4, 0xFFFFFFFF), (16, 4, 0xFFFFFFFF), (32, 0, 0xFFFFFFFF))
)


def plant(root: Path) -> None:
    """Write the tree. Sparse, linked, owned, dated to the nanosecond, with ACLs and attributes."""
    (root / "deep" / "er").mkdir(parents=True)
    plain = root / "deep" / "plain"
    plain.write_bytes(os.urandom(100_000))
    os.link(plain, root / "deep" / "er" / "linked")
    (root / "pointing").symlink_to("deep/plain")
    with (root / "sparse").open("wb") as file:
        file.seek(8 * MIB)
        file.write(b"end")
    os.mkfifo(root / "fifo")
    attributed = root / "attributed"
    attributed.write_text("x")
    os.setxattr(attributed, "user.colour", b"blue")
    os.setxattr(attributed, "system.posix_acl_access", _ACL)
    os.chown(attributed, 1234, 5678)
    setuid = root / "setuid"
    setuid.write_text("#!/bin/sh\n")
    setuid.chmod(0o4755)
    os.utime(plain, ns=(1_000_000_000_123_456_789, 1_000_000_000_987_654_321))


def seen(root: Path) -> dict[str, object]:
    """Path to everything that can be known of it, for comparing."""
    found: dict[str, object] = {}
    for path in sorted(root.rglob("*")):
        if path.name == "lost+found":
            continue
        status = path.lstat()
        content: object = None
        if path.is_symlink():
            content = path.readlink()
        elif path.is_file():
            content = path.read_bytes()
        attributes = {name: os.getxattr(path, name) for name in os.listxattr(path, follow_symlinks=False)}
        found[str(path.relative_to(root))] = (
            status.st_mode,
            status.st_uid,
            status.st_gid,
            status.st_nlink,
            status.st_size,
            status.st_blocks if path.name == "sparse" else None,
            status.st_mtime_ns,
            attributes,
            content,
        )
    return found
