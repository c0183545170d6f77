"""The pod network of a node: one CNI configuration, one route to every other node, one masquerade rule.

Runs on every node as a DaemonSet in the host's network. Nothing it writes survives the restart of a node container, so
it makes everything anew whenever it looks, and looks for ever.
"""

from __future__ import annotations

import ipaddress
import json
import os
import ssl
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

CNI_FILE = Path("/etc/cni/net.d/10-podnet.conflist")
ROUTE_PROTOCOL = "117"  # marks our routes, so that we take away no other
LOOK_EVERY_S = 2.0
_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def conflist(pod_cidr: str) -> str:
    """The CNI configuration for one node: a veth pair per pod, addresses from the node's own range."""
    # The addresses are noted in /run: it is empty after a restart, as are the pods.
    ipam = {
        "type": "host-local",
        "dataDir": "/run/podnet",
        "ranges": [[{"subnet": pod_cidr}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    plugins = [
        {"type": "ptp", "ipMasq": False, "ipam": ipam},
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ]
    return json.dumps({"cniVersion": "0.4.0", "name": "podnet", "plugins": plugins}, indent=2)


def routes_to_others(nodes: list[dict[str, Any]], own: str) -> dict[str, str]:
    """Pod range to node address, for every other node that has both."""
    routes = {}
    for node in nodes:
        addresses = [a["address"] for a in node["status"].get("addresses", []) if a["type"] == "InternalIP"]
        cidr = node["spec"].get("podCIDR")
        if node["metadata"]["name"] != own and cidr and addresses:
            routes[cidr] = addresses[0]
    return routes


def list_nodes() -> list[dict[str, Any]]:
    """All nodes, from the API server."""
    host = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}"
    token = (_ACCOUNT / "token").read_text()
    request = urllib.request.Request(f"{host}/api/v1/nodes", headers={"Authorization": f"Bearer {token}"})  # noqa: S310
    trust = ssl.create_default_context(cafile=str(_ACCOUNT / "ca.crt"))
    with urllib.request.urlopen(request, context=trust, timeout=5) as answer:  # noqa: S310
        items: list[dict[str, Any]] = json.load(answer)["items"]
    return items


def apply(nodes: list[dict[str, Any]], own: str, pod_subnet: str) -> None:
    """Make this node's network what `nodes` asks for."""
    cidr = next((n["spec"].get("podCIDR") for n in nodes if n["metadata"]["name"] == own), None)
    wanted = routes_to_others(nodes, own)
    for target, gateway in wanted.items():
        _do("ip", "route", "replace", target, "via", gateway, "proto", ROUTE_PROTOCOL)
    for line in _do("ip", "route", "show", "proto", ROUTE_PROTOCOL).splitlines():
        target = line.split()[0]
        if target not in wanted:
            _do("ip", "route", "delete", target, "proto", ROUTE_PROTOCOL)
    rule = ["-s", pod_subnet, "!", "-d", pod_subnet, "-j", "MASQUERADE"]
    if subprocess.run(
        ["iptables", "-w", "-t", "nat", "-C", "POSTROUTING", *rule], check=False, stderr=subprocess.DEVNULL
    ).returncode:
        _do("iptables", "-w", "-t", "nat", "-A", "POSTROUTING", *rule)
    # Last, because the kubelet takes this file for "the network is ready".
    if cidr and (not CNI_FILE.exists() or CNI_FILE.read_text() != conflist(cidr)):
        half = CNI_FILE.with_suffix(".half")
        half.write_text(conflist(cidr))
        half.rename(CNI_FILE)


def _do(*arguments: str) -> str:
    return subprocess.run(arguments, check=True, capture_output=True, text=True).stdout


def main() -> None:
    own = os.environ["NODE_NAME"]
    pod_subnet = str(ipaddress.ip_network(os.environ["POD_SUBNET"]))
    complaint = ""
    while True:
        try:
            apply(list_nodes(), own, pod_subnet)
            complaint = ""
        except (OSError, subprocess.CalledProcessError, ValueError) as wrong:
            if str(wrong) != complaint:  # once, not every two seconds
                complaint = str(wrong)
                print(complaint, getattr(wrong, "stderr", ""), file=sys.stderr, flush=True)  # noqa: T201
        time.sleep(LOOK_EVERY_S)


if __name__ == "__main__":
    main()
