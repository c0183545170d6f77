"""What is built, and when it need not be built again."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from clusters import docker, host, paths, promtool, versions
from clusters.command import CommandFailed
from clusters.images import assemble, build, digest, gomodule, nodeimage, release, rootfs
from clusters.images.gomodule import GoModule
from clusters.images.mirror import Mirror
from clusters.images.recipes import Image, recipes, snapshotter_module
from clusters.images.release import Released
from clusters.images.source import Automatic, SourceBuilt
from clusters.problem import Problem
from fixtures.__main__ import prepare
from fixtures.components import controller

if TYPE_CHECKING:
    from clusters.images.recipes import Artefact
    from fixtures.stack import Stack

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
    # Go misses this before it compiles anything, its own runtime included.
    (folder / "main.go").write_text('package main\n\nimport _ "firedrill.invalid/broken/absent"\n\nfunc main() {}\n')
    monkeypatch.setattr(gomodule, "_FOLDER", tmp_path)
    module = GoModule("broken", "v1")
    with pytest.raises(Problem) as failed:
        module.build()
    assert "firedrill.invalid/broken/absent" in failed.value.why
    assert "go-broken-v1.log" in failed.value.remedy
    assert not module.is_built()


def test_a_module_is_built_again_when_its_flags_change() -> None:
    kubernetes = recipes(DEFAULT).kubernetes
    assert replace(kubernetes, ldflags="-X other=1").key() != kubernetes.key()


def test_the_images_that_kubeadm_wants_are_named_as_it_names_them() -> None:
    references = {image.reference for image in recipes(DEFAULT).images}
    assert "registry.k8s.io/coredns/coredns:v1.14.2" in references
    assert "registry.k8s.io/etcd:3.6.8-0" in references


def test_the_controllers_image_follows_the_restic_that_is_put_into_it(tmp_path: Path) -> None:
    restic = tmp_path / "restic"
    restic.write_text("as declared")
    declared = controller.image(restic)
    assert controller.image(restic) == declared
    restic.write_text("another one, found on PATH")
    assert controller.image(restic).reference != declared.reference


def test_preparing_builds_the_node_image_and_the_controllers(monkeypatch: pytest.MonkeyPatch) -> None:
    class Images:
        versions = DEFAULT

        def node_image(self) -> str:
            had.append("a node image")
            return "node:v1"

        def binary(self, name: str) -> Path:
            return Path(name)

        def ensure(self, image: Image, _: tuple[Artefact, ...]) -> None:
            had.append(image.reference.partition(":")[0])

    had: list[str] = []
    monkeypatch.setattr(host, "prepare", lambda: had.append("Docker"))
    monkeypatch.setattr(host, "install_tools", lambda: had.append("tools"))
    monkeypatch.setattr(host, "install_browser", lambda: had.append("a browser"))
    monkeypatch.setattr(promtool, "provide", lambda: had.append("promtool"))
    assert prepare(cast("Stack", SimpleNamespace(images=Images()))) == 0
    assert had == ["Docker", "tools", "a browser", "promtool", "a node image", "docker.io/firedrill/controller"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes root file systems")
def test_a_root_file_system_whose_making_is_killed_leaves_nothing_mounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "debootstrap"
    mounts = 'mkdir -p "$4/proc" && mount -t tmpfs none "$4/proc" && touch "$4/proc/1"'
    fake.write_text(f"#!/bin/sh\n{mounts} && kill -9 $$\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/sbin:/usr/bin:/sbin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(CommandFailed, match="exit code -9"):
        rootfs.build("trixie")
    assert str(tmp_path) not in Path("/proc/self/mounts").read_text()
    assert not (tmp_path / "firedrill" / "rootfs").exists()


@pytest.mark.parametrize("tar_exit_code", [0, 2], ids=["whole", "half"])
def test_a_root_file_system_gets_its_name_only_when_all_of_it_was_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tar_exit_code: int
) -> None:
    said = tmp_path / "said"
    fakes = {
        "tar": f"exit {tar_exit_code}",
        "docker": f'cat >/dev/null\necho "$*" >>{said}\n[ "$1" != import ] || echo sha256:0123',
    }
    for name, text in fakes.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with contextlib.suppress(CommandFailed) if tar_exit_code else contextlib.nullcontext():
        rootfs._import(tmp_path, "firedrill/debian:x", "key")
    imported, *named = said.read_text().splitlines()
    assert imported == f"import --change LABEL {docker.KEY_LABEL}=key -"
    assert named == ([] if tar_exit_code else ["tag sha256:0123 firedrill/debian:x"])


def test_the_container_of_a_killed_build_goes_although_another_image_is_built_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoFurtherError(Exception):
        pass

    def stop(*_: object) -> None:
        raise NoFurtherError

    fake = tmp_path / "docker"
    fake.write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/said\ncase "$*" in ps*^firedrill-preload-) echo 0123 ;; esac\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(gomodule, "toolchain", lambda: "go version go1.26")
    monkeypatch.setattr(nodeimage, "_compare_with_kubeadm", lambda _: None)
    monkeypatch.setattr(assemble, "context", lambda *_: contextlib.nullcontext(tmp_path))
    monkeypatch.setattr(docker, "build", lambda *_, **__: None)
    monkeypatch.setattr(nodeimage, "_preload", stop)
    with pytest.raises(NoFurtherError):
        nodeimage.build(DEFAULT, recipes(DEFAULT))
    assert "rm --force 0123" in (tmp_path / "said").read_text()


@pytest.mark.parametrize("source", [SourceBuilt, Released])
def test_whoever_has_everything_already_waits_for_no_build_and_removes_nothing_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: type[SourceBuilt | Released]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(GoModule, "is_built", lambda _: True)
    image = Image("docker.io/firedrill/x:v1", (), ("FROM scratch",))
    # An image that is as it has to be carries the key that it is asked for.
    monkeypatch.setattr(Image, "key", lambda *_: "right")
    monkeypatch.setattr(docker, "keys", lambda *names: dict.fromkeys(names, "right"))
    monkeypatch.setattr(rootfs, "base_key", lambda _: "right")
    monkeypatch.setattr(rootfs, "node_key", lambda _: "right")
    monkeypatch.setattr(Released, "_absent", lambda _: [])
    monkeypatch.setattr(docker, "ours", lambda: pytest.fail("looked for what is older"))
    monkeypatch.setattr(host, "say", pytest.fail)
    it = source(DEFAULT, extra_images=(image,))
    with build.one_at_a_time():
        assert it.node_image()
        assert it.files("kind").parent == paths.cache() / "go-built"
        it.ensure(image, ())


# --- released images --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reference", "held"),
    [
        ("registry.k8s.io/pause:3.10", "mirror.example/all/registry.k8s.io/pause:3.10"),
        ("kindest/node:v1", "mirror.example/all/docker.io/kindest/node:v1"),
        ("debian", "mirror.example/all/docker.io/library/debian"),
        ("localhost/a/b:1", "mirror.example/all/localhost/a/b:1"),
    ],
)
def test_a_mirror_keeps_the_registry_in_the_name(reference: str, held: str) -> None:
    assert Mirror("mirror.example/all").holds(reference) == held
    assert Mirror().holds(reference) == reference


def test_the_mirror_is_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGES_MIRROR", "127.0.0.1:5000/all/")
    assert Mirror.of_environment() == Mirror("127.0.0.1:5000/all")
    monkeypatch.delenv("IMAGES_MIRROR")
    assert Mirror.of_environment() == Mirror()
    for wrong in ("https://registry.example", "mirror"):
        monkeypatch.setenv("IMAGES_MIRROR", wrong)
        with pytest.raises(Problem, match="not a registry as Docker names one"):
            Mirror.of_environment()


def test_manifests_alone_are_another_artefact_than_the_programs_with_them() -> None:
    whole = snapshotter_module(DEFAULT.snapshotter)
    assert replace(whole, tools=False).key() != whole.key()


@pytest.mark.parametrize(
    ("here", "refused", "chosen"),
    [
        ({"built", "pulled"}, {}, SourceBuilt),
        ({"pulled"}, {"a": "no answer"}, Released),
        (set(), {}, Released),
        (set(), {"registry.k8s.io/a:1": "no such manifest"}, SourceBuilt),
    ],
    ids=["built here already", "pulled already", "every image is offered", "one image is not offered"],
)
def test_automatic_takes_what_is_here_and_a_release_only_if_all_of_it_is_offered(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    here: set[str],
    refused: dict[str, str],
    chosen: type,
) -> None:
    monkeypatch.setattr(host, "prepare", lambda: None)
    monkeypatch.setattr(SourceBuilt, "is_built", lambda _: "built" in here)
    monkeypatch.setattr(Released, "is_pulled", lambda _: "pulled" in here)
    monkeypatch.setattr(Released, "refused", lambda _: refused)
    monkeypatch.setattr(SourceBuilt, "node_image", lambda _: "SourceBuilt")
    monkeypatch.setattr(Released, "node_image", lambda _: "Released")
    assert Automatic(DEFAULT).node_image() == chosen.__name__
    said = capsys.readouterr().err
    assert ("no registry offers registry.k8s.io/a:1 (no such manifest)" in said) == ("registry.k8s.io/a:1" in refused)


def test_an_image_that_was_built_here_is_not_taken_for_the_released_one_of_that_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    released = Released(DEFAULT, mirror=Mirror())
    keys = dict.fromkeys(released.images(), "")
    monkeypatch.setattr(docker, "keys", lambda *_: keys)
    assert released.is_pulled()
    keys[f"quay.io/backube/volsync:{DEFAULT.volsync.removeprefix('v')}"] = "a digest of ours"
    assert not released.is_pulled()


def test_a_registry_that_answers_halfway_is_one_clear_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "docker"
    fake.write_text("#!/bin/sh\necho 'received unexpected HTTP status: 503' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(Problem) as refused:
        release.pull("example.invalid/image:1", Mirror())
    assert "503" in refused.value.why
    assert "--images source" in refused.value.remedy
