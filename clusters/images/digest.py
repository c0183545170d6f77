"""Digests of what something is made from: the same digest means that it need not be made again."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

LENGTH = 16


def of_texts(*texts: str) -> str:
    """The digest of a list of texts, as `LENGTH` hexadecimal digits."""
    sha = hashlib.sha256()
    for text in texts:
        sha.update(f"{len(text)}:".encode())
        sha.update(text.encode())
    return sha.hexdigest()[:LENGTH]


def of_files(*roots: Path) -> str:
    """The digest of names, modes and contents of files and of everything below folders."""
    sha = hashlib.sha256()
    for root in roots:
        for file in _files(root):
            relative = file.relative_to(root.parent)
            sha.update(f"{relative}\0{file.stat().st_mode & 0o111}\0".encode())
            sha.update(hashlib.sha256(file.read_bytes()).digest())
    return sha.hexdigest()[:LENGTH]


def _files(root: Path) -> Iterable[Path]:
    if root.is_file():
        return [root]
    return sorted(p for p in root.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
