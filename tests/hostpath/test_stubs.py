"""The compiled messages, from the point of view of whoever builds the driver's image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clusters.problem import Problem
from fixtures.components.hostpath.stubs import generate

if TYPE_CHECKING:
    from pathlib import Path


def test_a_protocol_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"csi\.proto is missing"):
        generate(tmp_path / "csi.proto", tmp_path / "api.proto", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_messages_are_compiled_under_names_that_can_be_imported(tmp_path: Path) -> None:
    for name in ("csi", "api"):
        (tmp_path / f"{name}.proto").write_text(f'syntax = "proto3";\nmessage Of_{name} {{ string name = 1; }}\n')
    generate(tmp_path / "csi.proto", tmp_path / "api.proto", tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"csi_pb2.py", "pluginregistration_pb2.py"}


def test_a_protocol_that_does_not_compile_is_a_problem_with_a_remedy(tmp_path: Path) -> None:
    for name in ("csi", "api"):
        (tmp_path / f"{name}.proto").write_text("this is not a protocol")
    with pytest.raises(Problem, match="protoc ended with exit code"):
        generate(tmp_path / "csi.proto", tmp_path / "api.proto", tmp_path / "out")
