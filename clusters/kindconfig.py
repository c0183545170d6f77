"""The kind configuration of a test cluster, as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from pathlib import Path

NODE_STORE = "/var/lib/firedrill"
"""Where every node sees the folder that they all share."""

# Quick node loss, and it is said in the report: Kubernetes' own values are 50 s and 300 s.
NODE_MONITOR_GRACE_PERIOD_S = 16
NODE_LEASE_DURATION_S = 12
TOLERATION_S = 10


def render(*, name: str, kubernetes: str, store: Path, workers: int) -> str:
    """kind's configuration: one control plane, `workers` workers, `store` mounted into every node."""
    mount = {"hostPath": str(store), "containerPath": NODE_STORE}
    roles = ["control-plane", *["worker"] * workers]
    cluster = {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "name": name,
        "nodes": [{"role": role, "extraMounts": [mount]} for role in roles],
        "kubeadmConfigPatches": [yaml.safe_dump(patch) for patch in _kubeadm_patches()],
        **_policies(kubernetes),
    }
    return yaml.safe_dump(cluster, sort_keys=False)


def _kubeadm_patches() -> list[dict[str, Any]]:
    toleration = str(TOLERATION_S)
    return [
        {
            "kind": "ClusterConfiguration",
            "apiServer": {
                "extraArgs": {
                    "default-not-ready-toleration-seconds": toleration,
                    "default-unreachable-toleration-seconds": toleration,
                }
            },
            "controllerManager": {"extraArgs": {"node-monitor-grace-period": f"{NODE_MONITOR_GRACE_PERIOD_S}s"}},
        },
        {
            "kind": "KubeletConfiguration",
            # From 1.35 on the kubelet refuses cgroup v1 unless it is told not to.
            "failCgroupV1": False,
            # Lowering an OOM score needs a capability that the machine may lack.
            "oomScoreAdj": 0,
            "nodeLeaseDurationSeconds": NODE_LEASE_DURATION_S,
            "nodeStatusUpdateFrequency": "3s",
        },
        {"kind": "KubeProxyConfiguration", "oomScoreAdj": 0},
    ]


def _policies(kubernetes: str) -> dict[str, Any]:
    # MutatingAdmissionPolicy is on in 1.36; in 1.34 it is a beta that has to be asked for.
    if int(kubernetes.split(".")[1]) >= 36:
        return {}
    return {
        "featureGates": {"MutatingAdmissionPolicy": True},
        "runtimeConfig": {"admissionregistration.k8s.io/v1beta1": True},
    }
