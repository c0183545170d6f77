"""Versions: one file, checked before anything is built with it."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from clusters import versions
from clusters.images.recipes import recipes
from clusters.problem import Problem

if TYPE_CHECKING:
    from pathlib import Path

TABLE = tomllib.loads(versions.FILE.read_text())


def test_the_defaults_make_one_whole_set() -> None:
    chosen = versions.choose()
    assert chosen.kubernetes == TABLE["default"]["kubernetes"]
    assert chosen.volsync == TABLE["default"]["volsync"]


def test_a_version_may_be_given_without_its_v() -> None:
    assert versions.choose(volsync="0.14.0").volsync == "v0.14.0"


def test_an_unknown_version_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(Problem) as refused:
        versions.choose(volsync="0.15.0")
    assert "volsync 0.15.0 is unknown" in str(refused.value)
    assert all(known in str(refused.value) for known in TABLE["volsync"])


@pytest.mark.parametrize("kubernetes", TABLE["kubernetes"])
@pytest.mark.parametrize("volsync", TABLE["volsync"])
def test_every_selectable_version_has_the_sources_to_build_it(kubernetes: str, volsync: str) -> None:
    chosen = recipes(versions.choose(kubernetes=kubernetes, volsync=volsync))
    assert all(len(artefact.key()) == 16 for artefact in chosen.modules)


def test_a_file_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "versions.toml"
    broken.write_text('[default]\nkubernetes = "v1"\n')
    with pytest.raises(Problem, match="is not whole"):
        versions.choose(file=broken)


def test_a_file_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "versions.toml"
    broken.write_text("[default\n")
    with pytest.raises(Problem, match="cannot read"):
        versions.choose(file=broken)
