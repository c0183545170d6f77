"""What a test may ask of a cluster, whoever provides it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from pathlib import Path

Role = Literal["control-plane", "worker"]


@dataclass(frozen=True)
class Node:
    """A node of the cluster. `provider_name` is what the provider calls it, where that differs."""

    name: str
    role: Role


@dataclass(frozen=True)
class Health:
    """Whether the cluster can be worked with now, and if not, the first reason found.

    With `may_come` False it does not get better by waiting.
    """

    ok: bool
    why: str = ""
    may_come: bool = True


class Cluster(Protocol):
    """A cluster. Every method raises `clusters.problem.Problem` where the provider cannot do it."""

    @property
    def name(self) -> str:
        """The name that people know it by."""

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig file that has its context."""

    @property
    def context(self) -> str:
        """The context in that file."""

    @property
    def store(self) -> Path | None:
        """The folder of this machine that every node sees at `/var/lib/firedrill`; None where there is none."""

    def up(self) -> None:
        """Make it exist and be healthy. Idempotent; replaces what cannot be repaired."""

    def down(self) -> None:
        """Remove everything that `up` made, and nothing else."""

    def health(self) -> Health:
        """Look at it now."""

    def nodes(self) -> list[Node]:
        """Its nodes, the control plane first."""

    def load_image(self, reference: str) -> None:
        """Make an image of this machine's Docker known to every node."""

    def stop_node(self, name: str) -> None:
        """Power cut: the node stops at once and keeps its disk."""

    def start_node(self, name: str) -> None:
        """Power back on for a stopped node."""

    def pause_node(self, name: str) -> None:
        """Freeze every process of the node."""

    def unpause_node(self, name: str) -> None:
        """Let a frozen node go on."""

    def destroy_node(self, name: str) -> None:
        """The machine is gone for good, with its node-local volumes. The Node object stays, as in real life."""
