"""Where published images are taken from: their own registries, or one registry that holds copies of all of them."""

from __future__ import annotations

import os
from dataclasses import dataclass

from clusters.problem import Problem

VARIABLE = "IMAGES_MIRROR"
"""A registry with an optional path, such as `registry.example/mirror`. Empty or absent: no mirror."""

_DOCKER_HUB = "docker.io"


@dataclass(frozen=True)
class Mirror:
    """Names of images in a mirror that keeps the name of the upstream registry in the path.

    `registry.example` then has `registry.k8s.io/pause:3.10` as `registry.example/registry.k8s.io/pause:3.10`: no two
    images can meet, and `skopeo sync --scoped` lays them out so.
    """

    prefix: str = ""

    @classmethod
    def of_environment(cls) -> Mirror:
        """The mirror that the environment names. Raises `Problem` for a URL, which is no name of an image."""
        prefix = os.environ.get(VARIABLE, "").strip().rstrip("/")
        if "://" in prefix or not _is_registry(prefix):
            raise Problem(
                f"{VARIABLE}={prefix} is not a registry as Docker names one",
                why="it is the first part of an image's name: a host with a dot or a port, then perhaps a path",
                remedy=f"{VARIABLE}=registry.example or {VARIABLE}=registry.example:5000/mirror",
            )
        return cls(prefix)

    def holds(self, reference: str) -> str:
        """The name under which to ask for the image that manifests call `reference`."""
        return f"{self.prefix}/{full_name(reference)}" if self.prefix else reference

    @property
    def insecure(self) -> bool:
        """Whether it is on this machine, where Docker speaks plain HTTP too."""
        return self.prefix.partition("/")[0].partition(":")[0] in {"localhost", "127.0.0.1"}


def full_name(reference: str) -> str:
    """The name with the registry that Docker leaves out: `kindest/node:v1` is `docker.io/kindest/node:v1`."""
    host, slash, _ = reference.partition("/")
    if not slash:
        return f"{_DOCKER_HUB}/library/{reference}"
    return reference if _is_host(host) else f"{_DOCKER_HUB}/{reference}"


def _is_registry(prefix: str) -> bool:
    return not prefix or _is_host(prefix.partition("/")[0])


def _is_host(name: str) -> bool:
    return "." in name or ":" in name or name == "localhost"
