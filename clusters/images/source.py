"""Where a cluster's images and manifests come from: published releases, or our own builds of the same sources."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from clusters.images import build
from clusters.images.recipes import Recipes, recipes

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

    def binary(self, name: str) -> Path:
        """A program, built if it is not there yet."""
        owner = {"kubectl": "kubernetes", "kubeadm": "kubernetes"}.get(name, name)
        return self.files(owner) / name

    def files(self, component: str) -> Path:
        """What a component yields beside images: manifests, scripts, programs. Built if it is not there yet."""
        artefact = next(a for a in self._recipes.modules if a.component == component)
        if not artefact.is_built():
            build.ensure_artefacts([artefact])
        return artefact.folder
