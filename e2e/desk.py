"""Somebody who works on one claim of the reference controller by hand: what they type, and what they look at."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
import yaml

from controller import contract
from fixtures import removal
from fixtures.components import controller
from fixtures.engines import DRILL_LABEL, IMAGE, App, Store
from fixtures.engines.reference import PROTECTED, ReferenceEngine
from fixtures.kube.errors import KubeError
from fixtures.kube.kinds import CLAIM, NAMESPACE, POD
from fixtures.kube.objects import condition, is_true
from fixtures.wait import eventually

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from controller.contract import Reason
    from fixtures.ground import Ground
    from fixtures.kube.objects import Object
    from fixtures.repository import Repository

ROOT: Final = Path(__file__).parent.parent
NAME: Final = "orders"
OPERATION_DEADLINE_S: Final = 600.0
NOT_NOW: Final = 409


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

    def apply_claim(self, annotations: Mapping[str, str] | None = None) -> None:
        """A claim with the label and these annotations, and nothing else."""
        labels = {contract.TIER_LABEL: "hourly"}
        metadata = {"name": NAME, "namespace": self.namespace, "labels": labels, "annotations": annotations or {}}
        self.ground.kube.apply(
            {
                "apiVersion": CLAIM.api_version,
                "kind": CLAIM.name,
                "metadata": metadata,
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "storageClassName": self.ground.classes.block,
                    "resources": {"requests": {"storage": "96Mi"}},
                },
            }
        )

    def apply_claim_again(self, annotations: Mapping[str, str] | None = None) -> None:
        """The same once nothing of the claim before is left; until then it is refused for a moment."""

        def refused() -> str:
            try:
                self.apply_claim(annotations)
            except KubeError as error:
                if error.status != NOT_NOW:
                    raise
                return error.message
            return ""

        eventually(refused, lambda why: not why, expected="the claim is admitted again", wait=self.ground.waits.gone)

    def delete_claim(self) -> None:
        """And wait until it is gone: its finalizers are taken off after the answer, and some by nobody but us."""
        self.ground.kube.delete(CLAIM, NAME, self.namespace)

        def look() -> Object | None:
            removal.let_go(self.ground.kube, self.namespace)
            return self.ground.kube.get(CLAIM, NAME, self.namespace)

        eventually(
            look,
            lambda found: found is None,
            expected="the claim is gone",
            wait=self.ground.waits.gone,
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

    @property
    def repository(self) -> Repository:
        """Of the claim, in the local store, as the judge reads it."""
        app = App(NAME, self.namespace, self.namespace, repository_password="-")  # noqa: S106 - the engine has its own
        return self.ground.engine.repository(app, Store.LOCAL)

    def heard(self) -> list[str]:
        """What the events of the claim say."""
        return [
            event["message"]
            for event in self.ground.kube.events(self.namespace)
            if event["involvedObject"]["name"] == NAME and event["involvedObject"]["kind"] == CLAIM.name
        ]

    def told(self, reason: Reason, *words: str) -> str:
        """What the claim's condition says, once it has this reason and these words; an event warns of it, too."""
        found = eventually(
            lambda: condition(self.claim, PROTECTED) or {},
            lambda seen: seen.get("reason") == reason.value and all(word in seen["message"] for word in words),
            expected=f"the claim's condition says {', '.join(words)}",
            wait=self.ground.waits.restore,
        )
        # The event is written after the condition.
        eventually(
            lambda: [
                event["message"]
                for event in self.ground.kube.events(self.namespace)
                if event["reason"] == reason.value and event["type"] == "Warning"
            ],
            lambda warned: found["message"] in warned,
            expected=f"an event warns of it: {found['message']}",
            wait=self.ground.waits.api,
        )
        return str(found["message"])

    def await_protected(self) -> None:
        """Until the controller says so; nothing is judged by it."""
        self.await_told("Protected")

    def await_told(self, reason: str) -> str:
        """What the controller says of the claim, once its reason is this one."""
        claim = eventually(
            lambda: self.claim,
            lambda claim: (told := condition(claim, PROTECTED)) is not None and told["reason"] == reason,
            expected=f"it to be told of the claim: {reason}",
            wait=self.ground.waits.restore,
        )
        told = condition(claim, PROTECTED)
        assert told is not None
        return str(told["message"])


@contextmanager
def desk_in(namespace: str, ground: Ground, folder: Path) -> Generator[Desk]:
    """With a namespace of this name, which goes afterwards. Skips the test where the engine is another one."""
    if ground.engine.name != ReferenceEngine.name:
        pytest.skip(f"engine {ground.engine.name} has no controller of ours")
    ground.engine.install()
    metadata = {
        "name": namespace,
        "labels": {DRILL_LABEL: namespace},
        "annotations": {"volsync.backube/privileged-movers": "true"},
    }
    ground.kube.apply({"apiVersion": NAMESPACE.api_version, "kind": NAMESPACE.name, "metadata": metadata})
    try:
        yield Desk(ground, namespace, folder)
    finally:
        ground.kube.delete(NAMESPACE, namespace)
        ground.await_gone(namespace)
