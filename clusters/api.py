"""The few questions that a provider has for an API server."""

from __future__ import annotations

import json
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import urllib3
import yaml
from kubernetes import client, config

from clusters.cluster import Health, Node
from clusters.problem import Problem

if TYPE_CHECKING:
    from pathlib import Path

_TIMEOUT_S = 5
_CONTROL_PLANE = "node-role.kubernetes.io/control-plane"


class Api:
    """An API server, reached by one context of a kubeconfig. Raises `Problem` if that context does not exist."""

    def __init__(self, kubeconfig: Path, context: str) -> None:
        configuration: Any = client.Configuration()
        # Read when the client makes its pool. Whoever asks for health asks again by himself, and says so.
        configuration.retries = 0
        load: Any = config.load_kube_config
        try:
            load(str(kubeconfig), context=context, client_configuration=configuration, persist_config=False)
        except (config.ConfigException, yaml.YAMLError, OSError, TypeError, ValueError) as wrong:
            # The last two, where the client takes for granted what a file of another form does not have.
            raise Problem(
                f"the kubeconfig {kubeconfig} has no usable context {context}",
                why=str(wrong),
                remedy=f"kubectl --kubeconfig {kubeconfig} config get-contexts",
            ) from None
        ask_loopback_directly(configuration)
        self._core = client.CoreV1Api(client.ApiClient(configuration))

    def health(self) -> Health:
        """Whether the API server answers and every node is Ready."""
        try:
            nodes = self._nodes()
        except (client.ApiException, urllib3.exceptions.HTTPError, OSError) as wrong:
            return Health(ok=False, why=f"the API server does not answer: {_short(wrong)}")
        for node in nodes:
            ready = [c["status"] for c in node["status"].get("conditions", []) if c["type"] == "Ready"]
            if ready != ["True"]:
                return Health(ok=False, why=f"node {node['metadata']['name']} is not Ready")
        return Health(ok=bool(nodes), why="" if nodes else "it has no nodes")

    def nodes(self) -> list[Node]:
        """All nodes, the control plane first."""
        found = [
            Node(meta["name"], "control-plane" if _CONTROL_PLANE in meta.get("labels", {}) else "worker")
            for meta in (node["metadata"] for node in self._nodes())
        ]
        return sorted(found, key=lambda node: (node.role, node.name))

    def _nodes(self) -> list[dict[str, Any]]:
        # As plain data: the client's classes make every field optional, and are slow to build.
        answer: Any = self._core.list_node(_request_timeout=_TIMEOUT_S, _preload_content=False)
        items: list[dict[str, Any]] = json.loads(answer.data)["items"]
        return items


def ask_loopback_directly(configuration: Any) -> None:  # noqa: ANN401 - the Kubernetes client's configuration
    """Have an address of this machine asked past the proxy that the environment names, as kubectl and kind do it.

    One that the kubeconfig names counts as it does for them.
    """
    host = urlsplit(configuration.host).hostname or ""
    if _is_loopback(host) and configuration.proxy in getproxies().values():
        configuration.no_proxy = ",".join(filter(None, (configuration.no_proxy, host)))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _short(wrong: Exception) -> str:
    reason = getattr(wrong, "reason", None) or wrong
    return str(reason).splitlines()[0][:200]
