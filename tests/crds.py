"""VolSync's own CRDs, as they were built here, and what a body breaks in them."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from clusters.images.recipes import volsync_module

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fixtures.kube.objects import Object

_TYPES: Mapping[str, type] = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)")


@cache
def schemas(version: str) -> Mapping[str, Object]:
    """Kind to OpenAPI schema, of VolSync at a version. Skips the test where that has not been built."""
    folder = volsync_module(version).folder / "config" / "crd" / "bases"
    if not folder.is_dir():
        pytest.skip(f"VolSync {version} has not been built here; `make up` does it")
    # The parser in C: in Python alone these take a second or two.
    crds = [yaml.load(file.read_text(), yaml.CSafeLoader) for file in folder.glob("*.yaml")]
    return {crd["spec"]["names"]["kind"]: crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"] for crd in crds}


def faults(value: Any, schema: Object, at: str = "") -> Iterator[str]:
    """Where a value breaks a structural schema: unknown and missing fields, types, enums, patterns, formats."""
    wanted: Any = (int, str) if schema.get("x-kubernetes-int-or-string") else _TYPES[schema["type"]]
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        yield f"{at} is no {wanted}: {value!r}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at} is {value!r}, none of {schema['enum']}"
    if "pattern" in schema and isinstance(value, str) and not re.search(schema["pattern"], value):
        yield f"{at} is {value!r}, which does not match {schema['pattern']}"
    if schema.get("format") == "date-time" and not _TIME.fullmatch(value):
        yield f"{at} is {value!r}, which is no time"
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from faults(item, schema["items"], f"{at}[{number}]")
    if isinstance(value, dict) and "properties" in schema:
        yield from (f"{at}.{name} is missing" for name in schema.get("required", []) if name not in value)
        yield from (f"{at}.{name} is unknown" for name in value if name not in schema["properties"])
        for name in value.keys() & schema["properties"].keys():
            yield from faults(value[name], schema["properties"][name], f"{at}.{name}")
