"""What is built, and when it need not be built again."""

from __future__ import annotations

import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from clusters import versions
from clusters.images import digest, gomodule, nodeimage, release
from clusters.images.gomodule import GoModule
from clusters.images.recipes import recipes
from clusters.images.release import Archive
from clusters.problem import Problem

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT = versions.choose()


def test_a_digest_changes_with_content_name_and_executable_bit(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "a"
    file.parent.mkdir()
    file.write_text("one")
    seen = {digest.of_files(file.parent)}
    file.write_text("two")
    seen.add(digest.of_files(file.parent))
    file.chmod(0o755)
    seen.add(digest.of_files(file.parent))
    file.rename(file.with_name("b"))
    seen.add(digest.of_files(file.parent))
    assert len(seen) == 4


def test_texts_are_told_apart_wherever_they_are_cut() -> None:
    assert digest.of_texts("ab", "c") != digest.of_texts("a", "bc")


def test_the_node_image_changes_with_the_version_of_what_is_in_it() -> None:
    older = versions.choose(volsync="v0.14.0")
    assert nodeimage.tag(DEFAULT, recipes(DEFAULT)) != nodeimage.tag(older, recipes(older))


def test_kubernetes_is_stamped_with_its_version() -> None:
    kubernetes = recipes(DEFAULT).kubernetes
    assert f"k8s.io/component-base/version.gitVersion={DEFAULT.kubernetes}" in kubernetes.ldflags
    assert "gitMinor=36" in kubernetes.ldflags


def test_a_version_without_sources_is_refused_with_those_that_have_them() -> None:
    with pytest.raises(Problem) as refused:
        _ = GoModule("volsync", "v0.15.0").source
    assert "v0.14.0, v0.16.0" in str(refused.value)


def test_a_build_that_fails_says_its_last_lines_and_where_its_log_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "broken" / "v1"
    folder.mkdir(parents=True)
    (folder / "go.mod").write_text("module firedrill.invalid/broken\n\ngo 1.26\n\ntool firedrill.invalid/broken\n")
    (folder / "main.go").write_text("package main\n\nfunc main() { undefinedThing() }\n")
    monkeypatch.setattr(gomodule, "_FOLDER", tmp_path)
    module = GoModule("broken", "v1")
    with pytest.raises(Problem) as failed:
        module.build()
    assert "undefinedThing" in failed.value.why
    assert "go-broken-v1.log" in failed.value.remedy
    assert not module.is_built()


def test_a_module_is_built_again_when_its_flags_change() -> None:
    kubernetes = recipes(DEFAULT).kubernetes
    assert replace(kubernetes, ldflags="-X other=1").key() != kubernetes.key()


def test_the_images_that_kubeadm_wants_are_named_as_it_names_them() -> None:
    references = {image.reference for image in recipes(DEFAULT).images}
    assert "registry.k8s.io/coredns/coredns:v1.14.2" in references
    assert "registry.k8s.io/etcd:3.6.8-0" in references


# --- released images --------------------------------------------------------------------------------------------------


def test_only_the_kept_folders_of_a_source_archive_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    archive = Archive(_packed(tmp_path).as_uri(), (("deploy/here", "deploy"),))
    folder = release.fetch(archive, "component")
    assert [path.relative_to(folder).as_posix() for path in folder.rglob("*")] == ["deploy", "deploy/a.yaml"]
    (tmp_path / "source.tar.gz").unlink()
    assert release.fetch(archive, "component") == folder, "what was fetched once is used again"


def test_an_archive_that_ends_halfway_leaves_nothing_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    packed = _packed(tmp_path)
    packed.write_bytes(packed.read_bytes()[:-40])
    archive = Archive(packed.as_uri(), (("deploy/here", "deploy"),))
    with pytest.raises(Problem, match="--images source"):
        release.fetch(archive, "component")
    assert not [path for path in (tmp_path / "cache").rglob("deploy") if ".half" not in str(path)]


def test_a_registry_that_answers_halfway_is_one_clear_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "docker"
    fake.write_text("#!/bin/sh\necho 'received unexpected HTTP status: 503' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(Problem) as refused:
        release.pull("example.invalid/image:1")
    assert "503" in refused.value.why
    assert "--images source" in refused.value.remedy


def _packed(folder: Path) -> Path:
    tree = folder / "project-1.0"
    (tree / "deploy" / "here").mkdir(parents=True)
    (tree / "deploy" / "here" / "a.yaml").write_text("a: 1\n" * 2000)
    (tree / "other").write_text("not kept")
    packed = folder / "source.tar.gz"
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(tree, arcname=tree.name)
    return packed
