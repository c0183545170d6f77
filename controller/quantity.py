"""Kubernetes quantities as numbers of bytes."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

# apimachinery's resource.Quantity: a decimal number and a binary, a decimal or an exponent suffix.
_QUANTITY: Final = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(Ki|Mi|Gi|Ti|Pi|Ei|m|k|M|G|T|P|E|[eE][+-]?[0-9]{1,2})?")
_FACTORS: Final = {
    "m": Decimal("0.001"),
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate(["", "k", "M", "G", "T", "P", "E"])},
    **{suffix: Decimal(1024) ** power for power, suffix in enumerate(["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"])},
}


def bytes_of(quantity: str) -> int | None:
    """The number of bytes, rounded up; None if this is no quantity, or none of a size (negative or zero)."""
    found = _QUANTITY.fullmatch(quantity)
    if found is None:
        return None
    number, suffix = Decimal(found[1]), found[2] or ""
    factor = _FACTORS[suffix] if suffix in _FACTORS else Decimal(10) ** int(suffix[1:])
    exact = number * factor
    return int(exact.to_integral_value(rounding="ROUND_CEILING")) or None
