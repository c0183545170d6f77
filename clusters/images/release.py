"""Published images and manifests, as any user whose machine reaches the registries gets them."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
import urllib.error
import urllib.request
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clusters import docker, host, paths
from clusters.command import CommandFailed, run
from clusters.images import assemble, build, digest
from clusters.images.recipes import BASE_REFERENCE, Image, owner_of, recipes
from clusters.images.rootfs import packages
from clusters.problem import Problem
from clusters.progress import Progress

if TYPE_CHECKING:
    from clusters.images.recipes import Artefact
    from clusters.versions import Versions

_PULL_DEADLINE_S = 600
_PROBE_DEADLINE_S = 20
_ARCHIVE_DEADLINE_S = 120
# The last release before the project stopped publishing images.
_MINIO = "quay.io/minio/minio:RELEASE.2025-09-07T16-13-09Z"
_SIDECARS = "registry.k8s.io/sig-storage"


@dataclass(frozen=True)
class Archive:
    """A tagged source archive, and which of its folders are kept under which name."""

    url: str
    kept: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Released:
    """Released images. Only our own images (the CSI driver's) are built here, on a released Debian."""

    versions: Versions
    extra_artefacts: tuple[Artefact, ...] = ()
    extra_images: tuple[Image, ...] = ()

    def node_image(self) -> str:
        """Pull kind's node image and the images of the components, build our own, and name the node image."""
        node = f"kindest/node:{self.versions.kubernetes}"
        pulled = [node, _MINIO, *self._published()]
        absent = [reference for reference in pulled if not docker.inspect("image", reference)]
        if absent:
            host.require_disk(host.DISK_REST_BYTES, why=f"{len(absent)} images have to be pulled")
            progress = Progress("pulling", len(absent))
            for reference in absent:
                with progress.step(reference):
                    pull(reference)
        build.ensure_artefacts(self.extra_artefacts)
        self._build_ours()
        return node

    def preload(self) -> list[str]:
        """What the nodes are given, so that starting a pod pulls nothing."""
        return [*self._published(), BASE_REFERENCE, *(image.reference for image in self.extra_images)]

    def minio_image(self) -> str:
        """The image of the object stores."""
        return _MINIO

    def binary(self, name: str) -> Path:
        """A program of this machine's PATH, or built from its Go module if there is none."""
        found = shutil.which(name)
        return Path(found) if found else self._built(name) / name

    def files(self, component: str) -> Path:
        """A component's own manifests, from its tagged source archive."""
        archive = self._archives().get(component)
        return fetch(archive, component) if archive else self._built(component)

    def ensure(self, image: Image, artefacts: tuple[Artefact, ...]) -> None:
        """Build what is missing of it, on the released Debian."""
        build.ensure_artefacts(artefacts)
        base_key = self._ensure_base()
        if docker.keys(image.reference).get(image.reference) != image.key(base_key):
            assemble.build(image, base_key=base_key)

    def _published(self) -> list[str]:
        v = self.versions
        return [
            f"{_SIDECARS}/snapshot-controller:{v.snapshotter}",
            f"{_SIDECARS}/csi-snapshotter:{v.snapshotter}",
            f"{_SIDECARS}/csi-provisioner:{v.provisioner}",
            f"{_SIDECARS}/csi-resizer:{v.resizer}",
            f"quay.io/backube/volsync:{v.volsync.removeprefix('v')}",
        ]

    def _archives(self) -> dict[str, Archive]:
        hub = "https://github.com"
        snapshotter = (("deploy/kubernetes/snapshot-controller", "deploy"), ("client/config/crd", "crd"))
        return {
            "volsync": Archive(
                f"{hub}/backube/volsync/archive/refs/tags/{self.versions.volsync}.tar.gz", (("config", "config"),)
            ),
            "snapshotter": Archive(
                f"{hub}/kubernetes-csi/external-snapshotter/archive/refs/tags/{self.versions.snapshotter}.tar.gz",
                snapshotter,
            ),
        }

    def _built(self, name: str) -> Path:
        every = (*recipes(self.versions).modules, *self.extra_artefacts)
        artefact = next(a for a in every if a.component == owner_of(name))
        build.ensure_artefacts([artefact])
        return artefact.folder

    def _build_ours(self) -> None:
        base_key = self._ensure_base()
        for image in self.extra_images:
            if docker.keys(image.reference).get(image.reference) != image.key(base_key):
                assemble.build(image, base_key=base_key)

    def _ensure_base(self) -> str:
        """Have our base on a released Debian, and return its key."""
        install = f"apt-get update && apt-get install -y --no-install-recommends {' '.join(packages('base'))}"
        base = Image(
            BASE_REFERENCE, (), (f"FROM docker.io/library/debian:{self.versions.debian}-slim", f"RUN {install}")
        )
        base_key = base.key("")
        if docker.keys(BASE_REFERENCE).get(BASE_REFERENCE) != base_key:
            assemble.build(base, base_key="", network="default")
        return base_key


def registry_answers(versions: Versions) -> bool:
    """Whether a registry gives this machine an image at all; asked with the smallest one that there is."""
    smallest = f"registry.k8s.io/pause:{versions.pause}"
    try:
        run(["docker", "manifest", "inspect", smallest], what="asking the registry", timeout_s=_PROBE_DEADLINE_S)
    except CommandFailed:
        return False
    return True


def pull(reference: str) -> None:
    """Pull one image. Raises `Problem` that says how to do without the registry."""
    try:
        run(["docker", "pull", "--quiet", reference], what=f"pulling {reference}", timeout_s=_PULL_DEADLINE_S)
    except CommandFailed as failed:
        raise Problem(
            f"the registry did not give {reference}",
            why=failed.why,
            remedy="try again later (what was pulled stays), or build everything here: --images source",
        ) from None


def fetch(archive: Archive, component: str) -> Path:
    """The kept folders of a source archive, downloaded once. Raises `Problem` if it cannot be had whole."""
    folder = paths.cache() / "archives" / f"{component}-{digest.of_texts(archive.url, *map(str, archive.kept))}"
    if folder.is_dir():
        return folder
    half = folder.with_name(f".half-{folder.name}")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    try:
        with tempfile.TemporaryFile() as file:
            with urllib.request.urlopen(archive.url, timeout=_ARCHIVE_DEADLINE_S) as answer:  # noqa: S310
                shutil.copyfileobj(answer, file)
            file.seek(0)
            with tarfile.open(fileobj=file) as content:
                content.extractall(half / "all", filter="data")
        [root] = (half / "all").iterdir()
        for path, kept_as in archive.kept:
            (root / path).rename(half / kept_as)
    except (OSError, EOFError, zlib.error, urllib.error.URLError, tarfile.TarError, ValueError) as wrong:
        raise Problem(
            f"the source archive of {component} cannot be had",
            why=f"{archive.url}: {wrong}",
            remedy="try again later, or build everything here: --images source",
        ) from None
    shutil.rmtree(half / "all")
    half.rename(folder)
    return folder
