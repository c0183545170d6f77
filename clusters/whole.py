"""Files that are there whole or not at all, however the process that writes them ends."""

from __future__ import annotations

import tempfile
from pathlib import Path


def write(file: Path, text: str) -> None:
    """Write or replace a file that only this user may read, from its first byte on."""
    with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=".half-", delete=False) as half:
        half.write(text)
    Path(half.name).replace(file)
