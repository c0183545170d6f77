"""kind clusters of our own: made, reused, repaired by replacement, and removed without touching anybody else's."""

from __future__ import annotations

import json
import re
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from clusters import docker, host, kindconfig, paths
from clusters.api import Api
from clusters.cluster import Health, Node
from clusters.command import run
from clusters.images import digest
from clusters.problem import Problem
from clusters.pytest_kind_adapter import PytestKind
from clusters.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from clusters.images.source import ImageSource

# It becomes a folder of the cache, and with "-control-plane" behind it the name of a host, which has 63 characters.
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,47}[a-z0-9])?")
_KIND_LABEL = "io.x-k8s.kind.cluster"
_READY_DEADLINE_S = 120
_SETTLE_DEADLINE_S = 30


class Volumes(Protocol):
    """What becomes of volumes when nodes go. `store` is the CSI driver's part of the shared folder."""

    def forget_all(self, store: Path) -> None:
        """Every node is gone: its volumes, snapshots and loop devices go too."""

    def forget_node(self, store: Path, node: str) -> None:
        """One node is gone, with the volumes that lived on it."""


@dataclass(frozen=True)
class KindOptions:
    """What a kind cluster is made from, and who knows what lies in the CSI driver's part of its shared folder."""

    name: str
    images: ImageSource
    workers: int
    volumes: Volumes


class KindCluster:
    """One kind cluster, known to this machine by the folder of its state."""

    def __init__(self, options: KindOptions) -> None:
        self.name = _checked(options.name)
        self._options = options
        self._folder = paths.cluster_state(self.name)
        self._store = Store(self._folder)
        self.kubeconfig = self._folder / "kubeconfig"
        self.context = f"kind-{self.name}"

    @property
    def store(self) -> Path:
        """The folder of this machine that every node sees at `/var/lib/firedrill`."""
        return self._store.path

    def up(self) -> None:
        """Make it exist and be healthy. A cluster that is not healthy, or made from other images, is replaced."""
        host.prepare()
        self._refuse_strangers()
        image = self._options.images.node_image()
        config = kindconfig.render(
            name=self.name,
            kubernetes=self._options.images.versions.kubernetes,
            store=self._store.path,
            workers=self._options.workers,
        )
        made_from = digest.of_texts(image, config)
        why = self._why_replace(made_from)
        if not why:
            return
        if self._containers():
            host.say(f"replacing the cluster {self.name}: {why}")
        self._delete()
        self._create(image, config, made_from)

    def down(self) -> None:
        """Remove the cluster, what its volumes hold too. Nothing is done if there is none.

        What others keep in its folder, such as keys of what they run beside it, stays until they have removed that.
        """
        if self.name in paths.clusters():
            host.prepare()  # a Docker that sleeps would bring the nodes back one day
        self._refuse_strangers()
        if docker.answers():
            self._delete()
        self._options.volumes.forget_all(self._store.volumes)
        self._store.remove()
        self.kubeconfig.unlink(missing_ok=True)

    def health(self) -> Health:
        """Look at it now: containers, shared folder, API server, nodes."""
        why_not = docker.refusal()
        if why_not:
            return Health(ok=False, why=f"Docker does not answer: {why_not}")
        containers = self._inspected()
        if not containers:
            return Health(ok=False, why="it does not exist")
        for name, container in containers.items():
            if container["State"]["Status"] != "running":
                return Health(ok=False, why=f"the container {name} is {container['State']['Status']}", may_come=False)
        if not self._store.is_ready():
            return Health(ok=False, why=f"{self.store} is not mounted", may_come=False)
        if not self.kubeconfig.exists():
            return Health(ok=False, why=f"{self.kubeconfig} is gone")
        return Api(self.kubeconfig, self.context).health()

    def nodes(self) -> list[Node]:
        """Its nodes, the control plane first."""
        return Api(self.kubeconfig, self.context).nodes()

    def load_image(self, reference: str) -> None:
        """Load an image of this machine's Docker into every node."""
        try:
            self._pytest_kind("").load_image(reference)
        except subprocess.CalledProcessError as failed:
            raise Problem(
                f"kind could not load the image {reference} into the nodes of {self.name}",
                why=f"it ended with exit code {failed.returncode}; its own words are above",
                remedy="is Docker's disk full? `docker system df`",
            ) from None

    def stop_node(self, name: str) -> None:
        """Power cut: SIGKILL for everything in the node."""
        self._docker_node("kill", name)

    def start_node(self, name: str) -> None:
        """Power back on for a stopped node."""
        self._docker_node("start", name)

    def pause_node(self, name: str) -> None:
        """Freeze every process of the node."""
        self._docker_node("pause", name)

    def unpause_node(self, name: str) -> None:
        """Let a frozen node go on. Raises `Problem` if it stays frozen."""
        self._docker_node("unpause", name)
        if self._inspected()[name]["State"]["Paused"]:
            raise Problem(f"the node {name} stays frozen", why="Docker reports it as paused", remedy="make down")

    def destroy_node(self, name: str) -> None:
        """Remove the node's container with its disk and its node-local volumes."""
        self._docker_node("rm", "--force", "--volumes", name)
        self._options.volumes.forget_node(self._store.volumes, name)

    def _create(self, image: str, config: str, made_from: str) -> None:
        host.require_disk(host.DISK_CLUSTER_BYTES, why=f"the nodes of the cluster {self.name} have to be made")
        self._store.mount()
        self._options.volumes.forget_all(self._store.volumes)
        config_file = self._folder / "kind.yaml"
        config_file.write_text(config)
        self.kubeconfig.unlink(missing_ok=True)
        try:
            self._pytest_kind(image).create(config_file)
        except subprocess.CalledProcessError as failed:
            raise Problem(
                f"kind could not create the cluster {self.name}",
                why=f"it ended with exit code {failed.returncode}; its own words are above",
                remedy=f"make down, then again; `docker logs {self.name}-control-plane` has the node's boot",
            ) from None
        for reference in self._options.images.preload():
            self.load_image(reference)
        self._wait_ready(_READY_DEADLINE_S)
        (self._folder / "made-from.json").write_text(json.dumps({"key": made_from, "containers": self._ids()}))

    def _delete(self) -> None:
        # As kind does it, but without kind: whoever takes a cluster down may have no Go any more to build it with.
        if containers := self._containers():
            run(["docker", "rm", "--force", "--volumes", *containers], what=f"removing the nodes of {self.name}")
        (self._folder / "made-from.json").unlink(missing_ok=True)
        if self._store.is_ready():
            self._options.volumes.forget_all(self._store.volumes)

    def _why_replace(self, made_from: str) -> str:
        """Why the cluster that is there cannot be used; empty if it can."""
        if not self._containers():
            return "it does not exist"
        note = self._note()
        if note is None:
            return "making it was interrupted"
        if note["key"] != made_from:
            return "it was made from another image or configuration"
        if note["containers"] != self._ids():
            return "a node is gone or was made anew"
        health = self.health()
        if not health.ok:
            # A node that has just been started again needs a moment; a cluster whose addresses changed never comes.
            health = self._wait_settled(_SETTLE_DEADLINE_S)
        return health.why

    def _wait_settled(self, deadline_s: float) -> Health:
        ends_s = time.monotonic() + deadline_s
        while True:
            health = self.health()
            if health.ok or not health.may_come or time.monotonic() > ends_s:
                return health
            time.sleep(0.5)  # below fixtures, so without fixtures.wait

    def _wait_ready(self, deadline_s: float) -> None:
        health = self._wait_settled(deadline_s)
        if not health.ok:
            raise Problem(
                f"the cluster {self.name} did not become ready within {deadline_s:.0f} s",
                why=health.why,
                remedy=f"docker exec {self.name}-control-plane journalctl -u kubelet | tail",
            )

    def _refuse_strangers(self) -> None:
        """Raise `Problem` if a cluster of this name exists that this machine's state does not know."""
        if not docker.answers():
            return
        for name, container in self._inspected().items():
            sources = {m["Destination"]: m.get("Source") for m in container["Mounts"]}
            if sources.get(kindconfig.NODE_STORE) != str(self._store.path):
                raise Problem(
                    f"there is a kind cluster named {self.name} that firedrill did not make",
                    why=f"its container {name} does not mount {self._store.path}",
                    remedy="choose another name: make e2e CLUSTER=NAME",
                )

    def _note(self) -> dict[str, Any] | None:
        try:
            note: dict[str, Any] = json.loads((self._folder / "made-from.json").read_text())
        except (OSError, json.JSONDecodeError):
            return None
        return note

    def _containers(self) -> list[str]:
        return docker.containers(f"{_KIND_LABEL}={self.name}")

    def _inspected(self) -> dict[str, dict[str, Any]]:
        return docker.inspect("container", *sorted(self._containers()))

    def _ids(self) -> dict[str, str]:
        return {name: container["Id"] for name, container in self._inspected().items()}

    def _docker_node(self, *command: str) -> None:
        node = command[-1]
        if node not in self._containers():
            raise Problem(
                f"the cluster {self.name} has no node {node}",
                why=f"it has {', '.join(sorted(self._containers())) or 'none'}",
                remedy="make status",
            )
        run(["docker", *command], what=f"docker {' '.join(command)}")

    def _pytest_kind(self, image: str) -> PytestKind:
        return PytestKind(
            self.name,
            folder=self._folder,
            kubeconfig=self.kubeconfig,
            image=image,
            kind=self._options.images.binary("kind"),
            kubectl=self._options.images.binary("kubectl"),
        )


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Problem(
            f"{name!r} cannot be the name of a cluster",
            why="a name is 1 to 49 lower-case letters, digits, dots and hyphens, with a letter or digit at either end",
            remedy="choose another name: make e2e CLUSTER=NAME",
        )
    return name
