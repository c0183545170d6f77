"""Operations on protected claims (docs/operations.md), typed as a person types them, on the reference controller."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
import yaml

from controller import contract
from fixtures.components import controller
from fixtures.engines import DRILL_LABEL, IMAGE
from fixtures.engines.reference import PROTECTED, ReferenceEngine
from fixtures.kube import CLAIM, NAMESPACE, POD, REPLICATION_SOURCE, condition, is_true
from fixtures.wait import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.ground import Ground
    from fixtures.kube import Object

ROOT: Final = Path(__file__).parent.parent
NAME: Final = "orders"
OPERATION_DEADLINE_S: Final = 600.0


class Desk:
    """Where somebody sits who may do everything in one namespace, and types."""

    def __init__(self, ground: Ground, namespace: str, folder: Path) -> None:
        self.ground = ground
        self.namespace = namespace
        self._folder = folder
        self._file = folder / "configuration.yaml"
        self._file.write_text(yaml.safe_dump(controller.settings_from_outside(ground.kube)))

    def types(self, operation: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What an operation on the claim said, and how it ended."""
        restic = self.ground.stack.images.binary("restic").parent
        environment = {
            **os.environ,
            "KUBECONFIG": str(self.ground.cluster.kubeconfig),
            "PATH": f"{restic}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
        }
        words = [sys.executable, "-m", "controller", "--configuration", str(self._file), operation, *arguments]
        return subprocess.run(
            words,
            cwd=self._folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=OPERATION_DEADLINE_S,
            check=False,
        )

    def done(self, operation: str, *arguments: str) -> str:
        """What it said, having ended well."""
        ended = self.types(operation, *arguments)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def refused(self, operation: str, *arguments: str) -> str:
        """Why it was refused, in one message."""
        ended = self.types(operation, *arguments)
        assert ended.returncode == 2, ended.stdout + ended.stderr
        assert "Traceback" not in ended.stderr
        return ended.stderr

    @property
    def claim(self) -> Object:
        """As it is now."""
        found = self.ground.kube.get(CLAIM, NAME, self.namespace)
        assert found is not None
        return found

    def apply_claim(self) -> None:
        """A claim with the label, and nothing else."""
        self.ground.kube.apply(
            {
                "apiVersion": CLAIM.api_version,
                "kind": CLAIM.name,
                "metadata": {"name": NAME, "namespace": self.namespace, "labels": {contract.TIER_LABEL: "hourly"}},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "storageClassName": self.ground.classes.block,
                    "resources": {"requests": {"storage": "96Mi"}},
                },
            }
        )

    def start_app(self) -> None:
        """A pod with the claim, running."""
        self.ground.kube.apply(
            {
                "apiVersion": POD.api_version,
                "kind": POD.name,
                "metadata": {"name": NAME, "namespace": self.namespace},
                "spec": {
                    "terminationGracePeriodSeconds": 0,
                    "containers": [
                        {
                            "name": NAME,
                            "image": IMAGE,
                            "imagePullPolicy": "IfNotPresent",
                            "command": ["/bin/sleep", "infinity"],
                            "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                        }
                    ],
                    "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": NAME}}],
                },
            }
        )
        eventually(
            lambda: self.ground.kube.get(POD, NAME, self.namespace),
            lambda pod: pod is not None and is_true(pod, "Ready"),
            expected="the app runs with its volume",
            wait=self.ground.waits.restore,
        )

    def stop_app(self) -> None:
        """And wait until it is gone."""
        self.ground.kube.delete(POD, NAME, self.namespace)
        eventually(
            lambda: self.ground.kube.get(POD, NAME, self.namespace),
            lambda found: found is None,
            expected="the app is gone",
            wait=self.ground.waits.gone,
        )

    def shell(self, line: str) -> str:
        """What a command in the app says."""
        command = ["/bin/bash", "-c", line]
        ended = self.ground.kube.exec(NAME, self.namespace, command, container=NAME, deadline_s=60)
        assert ended.exit_code == 0, ended.stderr
        return ended.stdout.decode().strip()

    def await_protected(self) -> None:
        """Until the controller says so; nothing is judged by it."""
        eventually(
            lambda: self.claim,
            lambda claim: (told := condition(claim, PROTECTED)) is not None and told["status"] == "True",
            expected="the claim is protected",
            wait=self.ground.waits.restore,
        )


@pytest.fixture
def desk(ground: Ground, tmp_path: Path) -> Iterator[Desk]:
    """With a namespace of its own."""
    if ground.engine.name != ReferenceEngine.name:
        pytest.skip(f"engine {ground.engine.name} has no controller of ours")
    ground.engine.install()
    name = f"drill-{secrets.token_hex(3)}"
    metadata = {
        "name": name,
        "labels": {DRILL_LABEL: name},
        "annotations": {"volsync.backube/privileged-movers": "true"},
    }
    ground.kube.apply({"apiVersion": NAMESPACE.api_version, "kind": NAMESPACE.name, "metadata": metadata})
    yield Desk(ground, name, tmp_path)
    ground.kube.delete(NAMESPACE, name)
    ground.await_gone(name)


@pytest.mark.thorough
def test_a_claim_is_backed_up_restored_shrunk_and_decommissioned_by_hand(desk: Desk) -> None:
    me = f"{desk.namespace}/{NAME}"
    desk.apply_claim()
    desk.start_app()
    desk.shell("echo one >/data/word && sync")
    desk.await_protected()

    assert "restore point" in desk.done("back-up", me)
    [_, _, point] = [line for line in desk.done("backups", me).splitlines() if "remote" not in line][:3]
    assert point.split()[0] == "0"

    desk.shell("echo two >/data/word && sync")
    assert "in use" in desk.refused("restore", me, "--yes")
    desk.stop_app()
    before = desk.claim["metadata"]["uid"]
    assert "add --yes" in desk.done("restore", me)
    assert "restore points" in desk.refused("restore", me, "--previous", "5", "--yes")
    assert desk.claim["metadata"]["uid"] == before

    assert "start its app" in desk.done("restore", me, "--yes")
    assert desk.claim["metadata"]["uid"] != before
    desk.start_app()
    assert desk.shell("cat /data/word") == "one"
    desk.await_protected()

    desk.shell("echo three >/data/word && sync")
    desk.stop_app()
    assert "start its app" in desk.done("resize", me, "64Mi", "--yes")
    desk.start_app()
    assert desk.shell("cat /data/word") == "three"
    assert desk.claim["status"]["capacity"]["storage"] == "64Mi"
    desk.await_protected()

    assert "decommission" in desk.refused("delete-backups", me, "--yes")
    assert "is not backed up any more" in desk.done("decommission", me)
    assert desk.ground.kube.list(REPLICATION_SOURCE, desk.namespace) == []
    assert desk.shell("cat /data/word") == "three"
    assert me not in desk.done("orphans")

    desk.stop_app()
    desk.ground.kube.delete(CLAIM, NAME, desk.namespace)
    # Its finalizers are taken off after the answer: until then its backups are no orphans.
    eventually(
        lambda: desk.ground.kube.get(CLAIM, NAME, desk.namespace),
        lambda found: found is None,
        expected="the claim is gone",
        wait=desk.ground.waits.gone,
    )
    assert me in desk.done("orphans")
    assert "deleted" in desk.done("delete-backups", me, "--yes")
    assert "no restore point" in desk.done("backups", me)
    assert me not in desk.done("orphans")
