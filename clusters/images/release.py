"""Published images and manifests, as any user whose machine reaches the registries gets them."""

from __future__ import annotations

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from clusters import docker, host, paths
from clusters.command import CommandFailed, run
from clusters.images import assemble, build
from clusters.images.mirror import VARIABLE, Mirror
from clusters.images.recipes import BASE_REFERENCE, Image, owner_of, recipes, snapshotter_module, volsync_module
from clusters.images.rootfs import packages
from clusters.problem import Problem
from clusters.progress import Progress

if TYPE_CHECKING:
    from clusters.images.recipes import Artefact
    from clusters.versions import Versions

_PULL_DEADLINE_S = 600
_ASK_DEADLINE_S = 20
_ASKED_AT_ONCE = 4
# The last release before the project stopped publishing images.
_MINIO = "quay.io/minio/minio:RELEASE.2025-09-07T16-13-09Z"
_SIDECARS = "registry.k8s.io/sig-storage"


@dataclass(frozen=True)
class Released:
    """Released images. Only our own images (the CSI driver's) are built here, on a released Debian.

    Manifests are those of the same version's Go module, which needs a module proxy and no other server, and whose
    content the go.sum beside our go.mod vouches for.
    """

    versions: Versions
    extra_artefacts: tuple[Artefact, ...] = ()
    extra_images: tuple[Image, ...] = ()
    mirror: Mirror = field(default_factory=Mirror.of_environment)

    def node_image(self) -> str:
        """Pull kind's node image and the images of the components, build our own, and name the node image."""
        if self._absent() or build.unbuilt(self.extra_artefacts) or self._stale(*self.extra_images):
            with build.one_at_a_time():
                absent = self._absent()
                if absent:
                    host.require_disk(host.DISK_REST_BYTES, why=f"{len(absent)} images have to be pulled")
                    progress = Progress("pulling", len(absent))
                    for reference in absent:
                        with progress.step(reference):
                            pull(reference, self.mirror)
                build.work_on_artefacts(self.extra_artefacts)
                self._put_together(*self.extra_images)
        build.forget_older((), self.extra_artefacts)
        return self._node

    def is_pulled(self) -> bool:
        """Whether every released image is there already."""
        return not self._absent()

    def refused(self) -> dict[str, str]:
        """Image to the reason why the registry would not give it now; empty if all can be had. Pulls nothing."""
        with ThreadPoolExecutor(_ASKED_AT_ONCE) as pool:
            answers = pool.map(partial(why_refused, mirror=self.mirror), self.images())
            return {reference: why for reference, why in zip(self.images(), answers, strict=True) if why}

    def preload(self) -> list[str]:
        """What the nodes are given, so that starting a pod pulls nothing."""
        return [*self._published(), BASE_REFERENCE, *(image.reference for image in self.extra_images)]

    def minio_image(self) -> str:
        """The image of the object stores."""
        return _MINIO

    def binary(self, name: str) -> Path:
        """A program of this machine's PATH, or the node image's kubectl, or built from its Go module."""
        if found := shutil.which(name):
            return Path(found)
        if name == "kubectl":
            return take(self._node, "/usr/bin/kubectl", f"kubectl-{self.versions.kubernetes}")
        return self._built(name) / name

    def files(self, component: str) -> Path:
        """A component's own manifests."""
        return self._built(component)

    @property
    def _node(self) -> str:
        return f"docker.io/kindest/node:{self.versions.kubernetes}"

    @property
    def _debian(self) -> str:
        return f"docker.io/library/debian:{self.versions.debian}-slim"

    def ensure(self, image: Image, artefacts: tuple[Artefact, ...]) -> None:
        """Build what is missing of it, on the released Debian."""
        if build.unbuilt(artefacts) or self._stale(image):
            with build.one_at_a_time():
                build.work_on_artefacts(artefacts)
                self._put_together(image)
        build.forget_older((image.reference,), artefacts)

    def _published(self) -> list[str]:
        v = self.versions
        return [
            f"{_SIDECARS}/snapshot-controller:{v.snapshotter}",
            f"{_SIDECARS}/csi-snapshotter:{v.snapshotter}",
            f"{_SIDECARS}/csi-provisioner:{v.provisioner}",
            f"{_SIDECARS}/csi-resizer:{v.resizer}",
            f"quay.io/backube/volsync:{v.volsync.removeprefix('v')}",
        ]

    def images(self) -> list[str]:
        """Every image that is taken from a registry."""
        return [self._node, self._debian, _MINIO, *self._published()]

    def _absent(self) -> list[str]:
        # An image of the same name that was built here is not the released one.
        keys = docker.keys(*self.images())
        return [reference for reference in self.images() if keys.get(reference) != ""]

    def _built(self, name: str) -> Path:
        v = self.versions
        manifests = {"volsync": volsync_module(v.volsync), "snapshotter": snapshotter_module(v.snapshotter)}
        files_alone = [replace(m, tools=False, rename=(), ldflags="") for m in manifests.values()]
        every = (*files_alone, *recipes(v).modules, *self.extra_artefacts)
        artefact = next(a for a in every if a.component == owner_of(name))
        build.ensure_artefacts([artefact])
        return artefact.folder

    def _base(self) -> Image:
        """Our base, on a released Debian."""
        install = f"apt-get update && apt-get install -y --no-install-recommends {' '.join(packages('base'))}"
        return Image(BASE_REFERENCE, (), (f"FROM {self._debian}", f"RUN {install}"))

    def _stale(self, *images: Image) -> list[Image]:
        """Which of these and our base, which comes first, are not there as they have to be."""
        base = self._base()
        keys = {base.reference: base.key(""), **{image.reference: image.key(base.key("")) for image in images}}
        present = docker.keys(*keys)
        return [image for image in (base, *images) if present.get(image.reference) != keys[image.reference]]

    def _put_together(self, *images: Image) -> None:
        base = self._base()
        for image in self._stale(*images):
            if image == base:
                assemble.build(base, base_key="", network="default")
            else:
                assemble.build(image, base_key=base.key(""))


def why_refused(reference: str, mirror: Mirror) -> str:
    """Why the registry does not offer an image, in its own words; empty if it does. Nothing is pulled."""
    insecure = ["--insecure"] if mirror.insecure else []
    try:
        run(
            ["docker", "manifest", "inspect", *insecure, mirror.holds(reference)],
            what="asking the registry",
            timeout_s=_ASK_DEADLINE_S,
        )
    except CommandFailed as failed:
        return failed.why
    return ""


def pull(reference: str, mirror: Mirror) -> None:
    """Pull one image and give it its own name. Raises `Problem` that says how to do without the registry."""
    held = mirror.holds(reference)
    try:
        run(["docker", "pull", "--quiet", held], what=f"pulling {held}", timeout_s=_PULL_DEADLINE_S)
    except CommandFailed as failed:
        raise Problem(
            f"the registry did not give {held}",
            why=failed.why,
            remedy=f"try again later (what was pulled stays), name a registry that has it in {VARIABLE}, "
            "or build everything here: --images source",
        ) from None
    if held != reference:
        run(["docker", "tag", held, reference], what=f"naming {reference}")
        run(["docker", "image", "rm", held], what=f"forgetting the name {held}")


def take(image: str, program: str, kept_as: str) -> Path:
    """A program out of an image that this machine's Docker has, copied once."""
    kept = paths.cache() / "taken" / kept_as
    if kept.exists():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    half = kept.with_name(f".half-{kept.name}")
    container = run(["docker", "create", image], what=f"opening {image}").strip()
    try:
        run(["docker", "cp", f"{container}:{program}", half], what=f"taking {program} out of {image}")
    finally:
        subprocess.run(["docker", "rm", "--force", container], capture_output=True, check=False)
    half.rename(kept)
    return kept
