"""What becomes of volumes when somebody who is not root destroys a node or a cluster, on a Docker that is played."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from clusters.problem import Problem
from fixtures.components.hostpath.component import StoredVolumes
from fixtures.components.hostpath.image import REFERENCE

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What was said to a Docker that has the images which `tmp_path`/images names."""
    (tmp_path / "images").write_text(REFERENCE)
    (tmp_path / "said").touch()
    fake = tmp_path / "docker"
    fake.write_text(
        f'#!/bin/sh\necho "$*" >>{tmp_path}/said\n'
        f'case "$*" in *"$(cat {tmp_path}/images)"*) ;; *) echo No such image >&2; exit 125 ;; esac\n'
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    return tmp_path / "said"


def _used(store: Path) -> Path:
    store.mkdir()
    (store / "store-id").touch()
    return store


def test_the_volumes_of_a_lost_node_are_removed_by_roots_hand(tmp_path: Path, said: Path) -> None:
    store = _used(tmp_path / "csi")
    StoredVolumes().forget_node(store, "c-worker")
    assert f"source={store},target=/store" in said.read_text()
    assert said.read_text().endswith(f"{REFERENCE} -m driver.wipe --store=/store --node c-worker\n")
    StoredVolumes().forget_all(store)
    assert said.read_text().endswith("--store=/store --all\n")


def test_that_they_cannot_be_removed_is_said(tmp_path: Path, said: Path) -> None:
    (tmp_path / "images").write_text("another")
    with pytest.raises(Problem, match="No such image") as refused:
        StoredVolumes().forget_node(_used(tmp_path / "csi"), "c-worker")
    assert "as root" in refused.value.remedy
    assert said.read_text()


def test_where_no_driver_ever_ran_nothing_is_done(tmp_path: Path, said: Path) -> None:
    StoredVolumes().forget_all(tmp_path / "csi")
    StoredVolumes().forget_node(tmp_path / "csi", "c-worker")
    assert not said.read_text()
