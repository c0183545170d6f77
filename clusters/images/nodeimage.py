"""The kind node image: Debian, kind's own files, Kubernetes, and every component image already inside."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from clusters import docker, paths
from clusters.command import pipe, run, run_logged
from clusters.images import assemble, digest, rootfs
from clusters.images.recipes import BASE_REFERENCE, Part
from clusters.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clusters.images.recipes import Recipes
    from clusters.versions import Versions

_FOLDER = Path(__file__).parent / "node"
# Compressed, because every node of every cluster has a copy; a node unpacks only what it runs.
_IMPORT = ("ctr", "--namespace=k8s.io", "images", "import", "--no-unpack", "--compress-blobs")
_REPOSITORY = "firedrill/node"
_PRELOADING = "firedrill-preload-"
_ENTRYPOINT = json.dumps(["/usr/local/bin/entrypoint", "/sbin/init"])


def parts(recipes: Recipes) -> tuple[Part, ...]:
    """What goes onto Debian to make a node of it."""
    programs = ("kubeadm", "kubelet", "kubectl")
    return (
        Part.built(recipes.kind, "node-files", "/"),
        *(Part.built(recipes.kubernetes, name, f"/usr/bin/{name}") for name in programs),
        Part.ours(_FOLDER / "default-cni.yaml", "/kind/manifests/default-cni.yaml"),
        Part.ours(_FOLDER / "default-storage.yaml", "/kind/manifests/default-storage.yaml"),
        Part.ours(_FOLDER / "adjust.sh", "/kind/adjust.sh"),
    )


def _dockerfile(versions: Versions, node_parts: Sequence[Part]) -> str:
    copies = [f"COPY {number} {part.target}" for number, part in enumerate(node_parts)]
    return "\n".join(
        [
            f"FROM {rootfs.node_tag(versions.debian)}",
            "ENV container=docker",
            "STOPSIGNAL SIGRTMIN+3",
            *copies,
            f"RUN sh /kind/adjust.sh {versions.kubernetes} {versions.pause} && rm /kind/adjust.sh",
            f"ENTRYPOINT {_ENTRYPOINT}",
            "",
        ]
    )


def key(versions: Versions, recipes: Recipes) -> str:
    """Digest of everything that is in the node image."""
    node_parts = parts(recipes)
    base = rootfs.base_key(versions.debian)
    inside = (key for image in recipes.images for key in (image.reference, image.key(base)))
    made = (_dockerfile(versions, node_parts), *_IMPORT, BASE_REFERENCE)
    return digest.of_texts(*made, *(p.key for p in node_parts), *inside)


def tag(versions: Versions, recipes: Recipes) -> str:
    """The name of the node image. It changes with the content, so that a cluster tells whether it is up to date."""
    return f"{_REPOSITORY}:{versions.kubernetes}-{key(versions, recipes)}"


def build(versions: Versions, recipes: Recipes) -> None:
    """Build the node image and load every component image into its containerd."""
    _compare_with_kubeadm(recipes)
    node_parts = parts(recipes)
    empty = f"firedrill/node-empty:{versions.kubernetes}"
    with assemble.context(_dockerfile(versions, node_parts), node_parts) as folder:
        docker.build(folder, tag=empty, key="", log=paths.cache() / "logs" / assemble.LOG)
    container = f"{_PRELOADING}{key(versions, recipes)}"
    _remove_dead()
    try:
        _preload(container, empty, [BASE_REFERENCE, *(image.reference for image in recipes.images)])
        change = [f"ENTRYPOINT {_ENTRYPOINT}", "CMD []", f"LABEL {docker.KEY_LABEL}={key(versions, recipes)}"]
        changes = [argument for line in change for argument in ("--change", line)]
        run(["docker", "commit", *changes, container, tag(versions, recipes)], what="keeping the node image")
    finally:
        subprocess.run(["docker", "rm", "-f", container], capture_output=True, check=False)


def _remove_dead() -> None:
    """Remove the containers of builds that were killed, whatever they were building. Who builds is alone at it."""
    named = ["docker", "ps", "--all", "--quiet", "--filter", f"name=^{_PRELOADING}"]
    if dead := run(named, what="looking for containers of dead builds").split():
        run(["docker", "rm", "--force", *dead], what="removing containers of dead builds")


def _preload(container: str, empty: str, references: list[str]) -> None:
    start = ["docker", "run", "--detach", "--privileged", "--network=none", "--name", container]
    run([*start, "--entrypoint", "/usr/bin/containerd", empty], what="starting containerd in the node image")
    wait = "for i in $(seq 100); do ctr version >/dev/null 2>&1 && exit 0; sleep 0.1; done; exit 1"
    run(["docker", "exec", container, "sh", "-c", wait], what="waiting for containerd in the node image")
    load = ["docker", "exec", "-i", container, *_IMPORT, "-"]
    pipe(["docker", "save", *references], load, what="loading the component images into the node image")
    run_logged(
        ["docker", "exec", container, "ctr", "--namespace=k8s.io", "images", "ls"],
        what="listing what the node image holds",
        log=paths.cache() / "logs" / assemble.LOG,
    )


def _compare_with_kubeadm(recipes: Recipes) -> None:
    version = recipes.kubernetes.version
    kubeadm = recipes.kubernetes.folder / "kubeadm"
    listed = run(
        [kubeadm, "config", "images", "list", f"--kubernetes-version={version}"], what="asking kubeadm for its images"
    )
    absent = set(listed.split()) - {image.reference for image in recipes.images}
    if absent:
        raise Problem(
            f"kubeadm {version} wants images that are not built",
            why=", ".join(sorted(absent)),
            remedy=f'correct [kubernetes."{version}"] in clusters/versions.toml',
        )
