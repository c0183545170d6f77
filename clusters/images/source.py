"""Where a cluster's images and manifests come from: published releases, or our own builds of the same sources."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, assert_never

from clusters import docker, host
from clusters.images import build, nodeimage, older
from clusters.images.recipes import MINIO_REFERENCE, Recipes, owner_of, recipes
from clusters.images.release import Released

if TYPE_CHECKING:
    from pathlib import Path

    from clusters.images.recipes import Artefact, Image
    from clusters.versions import Versions


class ImageSource(Protocol):
    """What a provider and the components ask for. All of it is ready when a method returns."""

    @property
    def versions(self) -> Versions:
        """The versions it provides."""

    def node_image(self) -> str:
        """The name of a kind node image that this machine's Docker has."""

    def binary(self, name: str) -> Path:
        """A program for this machine: kind, kubectl, restic, csi-sanity."""

    def files(self, component: str) -> Path:
        """The folder with a component's own manifests and scripts at its version."""

    def preload(self) -> list[str]:
        """Images that are not in the node image and are loaded into every new node."""

    def minio_image(self) -> str:
        """The image of the object stores outside the cluster."""

    def ensure(self, image: Image, artefacts: tuple[Artefact, ...]) -> None:
        """Have this machine's Docker hold an image of ours that no node is born with, made from these."""


@dataclass(frozen=True)
class SourceBuilt:
    """Built here, from Go modules and Debian packages. The extra ones are what the caller describes."""

    versions: Versions
    extra_artefacts: tuple[Artefact, ...] = ()
    extra_images: tuple[Image, ...] = ()

    @cached_property
    def _recipes(self) -> Recipes:
        return recipes(self.versions).extended(self.extra_artefacts, self.extra_images)

    def node_image(self) -> str:
        """Build what is missing and name the node image, which holds every component image."""
        return build.ensure(self.versions, self._recipes)

    def is_built(self) -> bool:
        """Whether the node image is there."""
        tag = nodeimage.tag(self.versions, self._recipes)
        return bool(docker.inspect("image", tag))

    def binary(self, name: str) -> Path:
        """A program, built if it is not there yet."""
        return self.files(owner_of(name)) / name

    def files(self, component: str) -> Path:
        """What a component yields beside images: manifests, scripts, programs. Built if it is not there yet."""
        artefact = next(a for a in self._recipes.modules if a.component == component)
        older.ask_for(artefact.folder)
        if not artefact.is_built():
            build.ensure_artefacts([artefact])
        return artefact.folder

    def preload(self) -> list[str]:
        """Nothing: the node image has every image inside."""
        return []

    def minio_image(self) -> str:
        """The image of the object stores."""
        return MINIO_REFERENCE

    def ensure(self, image: Image, artefacts: tuple[Artefact, ...]) -> None:
        """Build what is missing of it."""
        build.ensure_image(self.versions, image, artefacts)


class ImageChoice(Enum):
    """Where images come from."""

    AUTO = "auto"  # what is there already, else released if the registries have all of it, else built here
    RELEASE = "release"
    SOURCE = "source"


@dataclass(frozen=True)
class Automatic:
    """Released images if the registries offer every one, else built here. Decided when first asked."""

    versions: Versions
    extra_artefacts: tuple[Artefact, ...] = ()
    extra_images: tuple[Image, ...] = ()

    @cached_property
    def _chosen(self) -> ImageSource:
        host.prepare()
        built = SourceBuilt(self.versions, self.extra_artefacts, self.extra_images)
        released = Released(self.versions, self.extra_artefacts, self.extra_images)
        # What is here is used again, whatever a registry says today.
        if built.is_built():
            return built
        if released.is_pulled():
            return released
        # All of it is asked for before anything is pulled: half of a release is of no use.
        if refused := released.refused():
            reference, why = next(iter(refused.items()))
            more = f", and {len(refused) - 1} more" if len(refused) > 1 else ""
            host.say(f"building from source: no registry offers {reference}{more} ({why.splitlines()[0]})")
            return built
        return released

    def node_image(self) -> str:
        """The name of a kind node image that this machine's Docker has."""
        return self._chosen.node_image()

    def binary(self, name: str) -> Path:
        """A program for this machine."""
        return self._chosen.binary(name)

    def files(self, component: str) -> Path:
        """The folder with a component's own manifests and scripts."""
        return self._chosen.files(component)

    def preload(self) -> list[str]:
        """Images that are loaded into every new node."""
        return self._chosen.preload()

    def minio_image(self) -> str:
        """The image of the object stores."""
        return self._chosen.minio_image()

    def ensure(self, image: Image, artefacts: tuple[Artefact, ...]) -> None:
        """Build what is missing of it."""
        self._chosen.ensure(image, artefacts)


def choose(
    choice: ImageChoice, versions: Versions, artefacts: tuple[Artefact, ...], images: tuple[Image, ...]
) -> ImageSource:
    """The source of images that was asked for."""
    match choice:
        case ImageChoice.RELEASE:
            return Released(versions, artefacts, images)
        case ImageChoice.SOURCE:
            return SourceBuilt(versions, artefacts, images)
        case ImageChoice.AUTO:
            return Automatic(versions, artefacts, images)
        case _:
            assert_never(choice)
