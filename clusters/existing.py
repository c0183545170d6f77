"""A cluster that somebody else runs. firedrill looks at it and works in it, but never starts or stops its machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import yaml

from clusters.api import Api
from clusters.problem import Problem

if TYPE_CHECKING:
    from pathlib import Path

    from clusters.cluster import Health, Node


class ExistingCluster:
    """The cluster behind one context of a kubeconfig; `context` None means the file's current one."""

    def __init__(self, kubeconfig: Path, context: str | None = None) -> None:
        self.kubeconfig = kubeconfig
        self.context = context or _current_context(kubeconfig)
        self.name = self.context
        self.store: Path | None = None

    def up(self) -> None:
        """Check that it answers."""
        health = self.health()
        if not health.ok:
            raise Problem(
                f"the cluster {self.name} cannot be used",
                why=health.why,
                remedy=f"kubectl --kubeconfig {self.kubeconfig} --context {self.context} get nodes",
            )

    def down(self) -> None:
        """Leave it as it is: `up` made nothing."""

    def health(self) -> Health:
        """Look at it now."""
        return Api(self.kubeconfig, self.context).health()

    def nodes(self) -> list[Node]:
        """Its nodes, the control plane first."""
        return Api(self.kubeconfig, self.context).nodes()

    def load_image(self, reference: str) -> None:
        """Not possible from here."""
        self._refuse(f"load the image {reference} into", f"push {reference} to a registry that its nodes can reach")

    def stop_node(self, name: str) -> None:
        """Not possible from here."""
        self._refuse(f"stop the node {name} of")

    def start_node(self, name: str) -> None:
        """Not possible from here."""
        self._refuse(f"start the node {name} of")

    def pause_node(self, name: str) -> None:
        """Not possible from here."""
        self._refuse(f"pause the node {name} of")

    def unpause_node(self, name: str) -> None:
        """Not possible from here."""
        self._refuse(f"unpause the node {name} of")

    def destroy_node(self, name: str) -> None:
        """Not possible from here."""
        self._refuse(f"destroy the node {name} of")

    def _refuse(
        self,
        what: str,
        remedy: str = "run it on a kind cluster: leave out --cluster existing, --kubeconfig, --context and --site",
    ) -> NoReturn:
        raise Problem(
            f"firedrill cannot {what} {self.name}",
            why="it is an existing cluster, whose machines firedrill does not own",
            remedy=remedy,
        )


def _current_context(kubeconfig: Path) -> str:
    try:
        content = yaml.safe_load(kubeconfig.read_text()) or {}
    except (OSError, yaml.YAMLError) as wrong:
        raise Problem(
            f"cannot read the kubeconfig {kubeconfig}", why=str(wrong), remedy="--kubeconfig PATH [--context NAME]"
        ) from None
    context = content.get("current-context") if isinstance(content, dict) else None
    if not context:
        raise Problem(
            f"the kubeconfig {kubeconfig} has no current context",
            why="it names none",
            remedy=f"--context NAME; `kubectl --kubeconfig {kubeconfig} config get-contexts` lists them",
        )
    return str(context)
