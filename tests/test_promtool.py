"""promtool is taken out of Debian's package, where that is possible, and nothing is installed."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from clusters import host, promtool
from clusters.command import CommandFailed

if TYPE_CHECKING:
    from pathlib import Path

# A Debian on which promtool has no package of its own: what is asked is noted, what is known is unpacked.
APT_GET = """#!/bin/sh
echo "apt-get $*" >>{folder}/asked
case "$*" in
  update*) ;;
  *"{known}") touch {known}_1_amd64.deb ;;
  *) exit 100 ;;
esac
"""
DPKG_DEB = """#!/bin/sh
mkdir -p "$3/usr/bin"
echo "of $2" >"$3/usr/bin/promtool"
"""


@pytest.fixture
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in (("apt-get", APT_GET), ("dpkg-deb", DPKG_DEB)):
        file = tmp_path / "bin" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text.format(folder=tmp_path, known="prometheus") if name == "apt-get" else text)
        file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(host, "is_debian", lambda: True)
    return tmp_path


def test_promtool_is_unpacked_from_the_package_that_has_it_and_then_found(debian: Path) -> None:
    assert promtool.find() is None
    promtool.provide()
    found = promtool.find()
    assert found is not None
    assert "prometheus_1_amd64.deb" in found.read_text()
    assert [path.name for path in found.parent.iterdir()] == ["promtool"]
    asked = (debian / "asked").read_text()
    assert "install" not in asked
    promtool.provide()
    assert (debian / "asked").read_text() == asked


def test_a_machine_without_root_or_debian_is_left_as_it_is(debian: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    promtool.provide()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(host, "is_debian", lambda: False)
    promtool.provide()
    assert not (debian / "asked").exists()


def test_a_debian_that_gives_neither_package_says_so(debian: Path) -> None:
    apt_get = debian / "bin" / "apt-get"
    apt_get.write_text(APT_GET.format(folder=debian, known="nothing"))
    with pytest.raises(CommandFailed, match="apt-get download prometheus"):
        promtool.provide()
