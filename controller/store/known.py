"""What is noted in a store of a claim that has had restore points: an object's name, so that a listing tells it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

# Of the 64 of a key's id. Whoever could make one that begins alike has the password, and is not to be kept from it.
_KEY_CHARACTERS: Final = 16
_NAME: Final = re.compile(rf"(?P<size>[0-9]+)(?:-(?P<key>[0-9a-f]{{{_KEY_CHARACTERS}}}))?")


@dataclass(frozen=True, slots=True)
class Known:
    """`size_bytes` is how large the claim's volume was, `key` is short for a key of its repository (see `shortened`).

    restic makes a key with a repository, by chance, and its id is its content's digest: it is in no other repository
    but a copy of that one. `key` is None in what was noted before keys were.
    """

    size_bytes: int
    key: str | None = None

    def __str__(self) -> str:
        return str(self.size_bytes) if self.key is None else f"{self.size_bytes}-{self.key}"

    def is_of(self, keys: Collection[str]) -> bool:
        """Whether it may have been noted of the repository that has these keys, shortened."""
        return self.key is None or self.key in keys


def read(name: str) -> Known | None:
    """What the name of an object says; None if it is no such name."""
    found = _NAME.fullmatch(name)
    return None if found is None else Known(int(found["size"]), found["key"])


def shortened(key_id: str) -> str:
    """As much of a key's id as is noted."""
    return key_id[:_KEY_CHARACTERS]
