"""What is said about somebody else's cluster is read whole or refused with every mistake in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clusters.problem import Problem
from fixtures import theirs

if TYPE_CHECKING:
    from pathlib import Path

_STORE = """
[stores.{name}]
endpoint = "http://s3.{name}:9000"
endpoint_here = "https://{name}.example"
bucket = "drills"
access_key_variable = "KEY"
secret_key_variable = "SECRET"
"""
WHOLE = """
[volumes]
storage_class = "ceph"
snapshot_class = "ceph-snapshots"
[pods]
image = "registry.example/python:3"
""" + "".join(_STORE.format(name=name) for name in ("local", "offsite"))


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KEY", "k")
    monkeypatch.setenv("SECRET", "s")
    written = tmp_path / "site.toml"
    written.write_text(WHOLE)
    return written


def test_a_whole_file_gives_classes_image_and_both_stores_with_keys_from_the_environment(file: Path) -> None:
    told = theirs.load(file)
    assert (told.classes.block, told.classes.snapshot, told.image) == (
        "ceph",
        "ceph-snapshots",
        "registry.example/python:3",
    )
    offsite = told.stores["offsite"]
    assert (offsite.endpoint_cluster, offsite.endpoint_host) == ("http://s3.offsite:9000", "https://offsite.example")
    assert (offsite.access_key, offsite.secret_key) == ("k", "s")


def test_every_mistake_is_named_at_once(file: Path) -> None:
    file.write_text(WHOLE.replace("storage_class", "storageclass").replace("[pods]", "[bods]"))
    with pytest.raises(Problem) as refused:
        theirs.load(file)
    for name in ("volumes.storage_class", "volumes.storageclass", "pods", "bods"):
        assert name in refused.value.why


def test_a_key_that_the_environment_lacks_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECRET")
    with pytest.raises(Problem, match="has no SECRET"):
        theirs.load(file)


def test_a_file_that_is_absent_or_no_toml_is_refused(file: Path) -> None:
    file.write_text("[volumes")
    with pytest.raises(Problem, match="is no TOML"):
        theirs.load(file)
    with pytest.raises(Problem, match="cannot read the site file"):
        theirs.load(file.with_name("none"))
