"""Where a cluster's images and manifests come from: published releases, or our own builds of the same sources."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from clusters.images import build
from clusters.images.recipes import Recipes, recipes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from clusters.images.gomodule import GoModule
    from clusters.images.recipes import Image
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
    """Built here, from Go modules and Debian packages. `extra` are images that the caller describes."""

    versions: Versions
    extra: tuple[Image, ...] = ()

    @cached_property
    def _recipes(self) -> Recipes:
        return recipes(self.versions).with_images(self.extra)

    def node_image(self) -> str:
        """Build what is missing and name the node image, which holds every component image."""
        return build.ensure(self.versions, self._recipes)

    def binary(self, name: str) -> Path:
        """A program, built if it is not there yet."""
        owner = {"kubectl": "kubernetes", "kubeadm": "kubernetes"}.get(name, name)
        return self._module(owner).folder / name

    def files(self, component: str) -> Path:
        """A component's own files, taken from its module if they are not there yet."""
        return self._module(component).folder

    def references(self) -> Sequence[str]:
        """The names of all component images."""
        return [image.reference for image in self._recipes.images]

    def _module(self, component: str) -> GoModule:
        module = next(m for m in self._recipes.modules if m.component == component)
        if not module.is_built():
            build.ensure_modules([module])
        return module
