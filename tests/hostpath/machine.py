"""Driver processes on one store, as nodes of a cluster have them, and what they leave on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf import json_format, message_factory

from fixtures.components.hostpath import driver as driver_package
from fixtures.components.hostpath.driver import mounts
from fixtures.components.hostpath.driver.commands import run
from fixtures.components.hostpath.driver.loop import Loop, Loops
from fixtures.components.hostpath.driver.steps import CRASH_VARIABLE, Step
from fixtures.components.hostpath.driver.store import Placement, Store
from fixtures.components.hostpath.driver.wipe import wipe_store

if TYPE_CHECKING:
    from collections.abc import Mapping

DRIVER_NAME = "hostpath.csi.firedrill.dev"
TOPOLOGY_KEY = f"topology.{DRIVER_NAME}/node"
MIB = 1024 * 1024
START_DEADLINE_S = 20
CALL_DEADLINE_S = 60

FILE_SYSTEM: Mapping[str, Any] = {"mount": {}, "accessMode": {"mode": "SINGLE_NODE_WRITER"}}
BLOCK: Mapping[str, Any] = {"block": {}, "accessMode": {"mode": "SINGLE_NODE_WRITER"}}


class Refused(Exception):
    """The answer of a driver that says no."""

    def __init__(self, error: grpc.RpcError) -> None:
        self.code = error.code()
        self.message = error.details() or ""
        super().__init__(f"{self.code.name}: {self.message}")


class Client:
    """Calls any method of any service by its name, with requests and answers in the JSON form of their messages."""

    def __init__(self, channel: grpc.Channel, module: str) -> None:
        self._channel = channel
        services = __import__(module).DESCRIPTOR.services_by_name.values()
        self._methods = {method.name: method for service in services for method in service.methods}

    def call(self, method: str, **fields: object) -> Any:
        """The answer as a message. Raises `Refused`."""
        descriptor = self._methods[method]
        request = json_format.ParseDict(fields, message_factory.GetMessageClass(descriptor.input_type)())
        function: Any = self._channel.unary_unary(
            f"/{descriptor.containing_service.full_name}/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=message_factory.GetMessageClass(descriptor.output_type).FromString,
        )
        try:
            return function(request, timeout=CALL_DEADLINE_S)
        except grpc.RpcError as error:
            raise Refused(error) from None


@dataclass
class Driver:
    """One driver process. `call` speaks CSI, as the kubelet and the sidecars do."""

    node: str
    process: subprocess.Popen[bytes]
    log: Path
    socket: Path
    registration_socket: Path
    channel: grpc.Channel
    client: Client

    def call(self, method: str, **fields: object) -> Any:
        return self.client.call(method, **fields)

    def killed(self) -> bool:
        """Whether it ended as by `kill -9`; waits for its end."""
        return self.process.wait(CALL_DEADLINE_S) == -signal.SIGKILL

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to end, and return its exit code."""
        self.process.terminate()
        code = self.process.wait(CALL_DEADLINE_S)
        self.channel.close()
        return code


@dataclass
class Cluster:
    base: Path
    stubs: Path
    placement: Placement
    drivers: list[Driver] = field(default_factory=list)

    @property
    def store(self) -> Path:
        return self.base / "store"

    def start(
        self,
        node: str = "node-1",
        *flags: str,
        crash_at: Step | None = None,
        own_mounts: bool = False,
        node_part: bool = True,
    ) -> Driver:
        """Start the driver of a node and wait until it answers.

        `own_mounts`: in a mount namespace of its own, which dies with it, as that of a node does. `node_part`: with
        the node service and the registration that goes with it.
        """
        folder = self.base / node / ("node" if node_part else "controller")
        folder.mkdir(parents=True, exist_ok=True)
        socket, registration = folder / "csi.sock", folder / "registry"
        arguments = ["--driver-name", DRIVER_NAME, "--node", node, "--endpoint", f"unix://{socket}"]
        arguments += ["--store", str(self.store), "--placement", self.placement.value, *flags]
        if node_part:
            arguments += ["--registration-dir", str(registration), "--kubelet-endpoint", "/kubelet/sees/csi.sock"]
        environment = {
            **os.environ,
            "PYTHONPATH": str(self.stubs),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": str(self.base),
        }
        environment.pop(CRASH_VARIABLE, None)
        if crash_at is not None:
            environment[CRASH_VARIABLE] = crash_at.value
        # A slave loses what is unmounted outside, so it does not keep what other tests have mounted at this moment.
        prefix = ["unshare", "--mount", "--propagation", "slave"] if own_mounts else []
        log = folder / "log"
        with log.open("ab") as sink:
            process = subprocess.Popen(
                [*prefix, sys.executable, "-m", "driver", *arguments],
                cwd=Path(driver_package.__path__[0]).parent,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
            )
        options = [
            ("grpc.initial_reconnect_backoff_ms", 50),
            ("grpc.max_reconnect_backoff_ms", 100),
            # Not the connection of the driver that was killed before and had the same socket.
            ("grpc.use_local_subchannel_pool", 1),
        ]
        channel = grpc.insecure_channel(f"unix://{socket}", options=options)
        driver = Driver(
            node=node,
            process=process,
            log=log,
            socket=socket,
            registration_socket=registration / f"{DRIVER_NAME}-reg.sock",
            channel=channel,
            client=Client(channel, "csi_pb2"),
        )
        self.drivers.append(driver)
        try:
            grpc.channel_ready_future(channel).result(START_DEADLINE_S)
        except grpc.FutureTimeoutError:
            raise AssertionError(f"the driver does not answer: {log.read_text()}") from None
        return driver

    def stop(self) -> None:
        for driver in self.drivers:
            if driver.process.poll() is None:
                assert driver.stop() == 0, driver.log.read_text()
            driver.channel.close()

    def loops(self) -> list[Loop]:
        """What is attached of this store."""
        key = Store(self.store).key
        return [loop for loop in Loops(Path("/dev")).attached() if loop.tag is not None and loop.tag.store == key]

    def leftovers(self) -> list[str]:
        """Everything that a store without volumes and snapshots should not leave on a machine."""
        store = Store(self.store)
        found = [str(mount.point) for mount in mounts.all_mounts() if self._is_ours(mount.point)]
        found += [f"loop{loop.number}: {loop.tag}" for loop in self.loops()]
        for directory in (*(shelf.directory for shelf in store.all_shelves()), store.locks):
            found += [str(path) for path in directory.glob("*")]
            found += [str(path) for path in directory.glob(".*")]
        return found

    def _is_ours(self, point: Path) -> bool:
        return point != self.base and point.is_relative_to(self.base)

    def clean(self) -> None:
        """Leave nothing on the machine, whatever the test has left."""
        for driver in self.drivers:
            if driver.process.poll() is None:
                driver.kill()
            driver.channel.close()
        if not self.store.is_dir():
            return
        for mount in reversed(mounts.all_mounts()):
            if self._is_ours(mount.point):
                with suppress(OSError):
                    mounts.thaw(mount.point)
                run("umount", "-l", mount.point)
        wipe_store(self.store)


@dataclass
class Pod:
    """The kubelet's part of one volume on one node: stages and publishes it, and undoes both."""

    driver: Driver
    volume: str
    base: Path
    capability: Mapping[str, Any] = field(default_factory=lambda: FILE_SYSTEM)

    @property
    def staging(self) -> Path:
        return self.base / self.driver.node / "staging" / self.volume

    @property
    def path(self) -> Path:
        """Where the pod sees its volume."""
        return self.base / self.driver.node / "pods" / self.volume

    def stage(self) -> None:
        self.driver.call(
            "NodeStageVolume",
            volumeId=self.volume,
            stagingTargetPath=str(self.staging),
            volumeCapability=self.capability,
        )

    def publish(self, *, read_only: bool = False) -> None:
        self.driver.call(
            "NodePublishVolume",
            volumeId=self.volume,
            stagingTargetPath=str(self.staging),
            targetPath=str(self.path),
            volumeCapability=self.capability,
            readonly=read_only,
        )

    def unpublish(self) -> None:
        self.driver.call("NodeUnpublishVolume", volumeId=self.volume, targetPath=str(self.path))

    def unstage(self) -> None:
        self.driver.call("NodeUnstageVolume", volumeId=self.volume, stagingTargetPath=str(self.staging))

    def up(self) -> Path:
        self.stage()
        self.publish()
        return self.path

    def down(self) -> None:
        self.unpublish()
        self.unstage()


def create(driver: Driver, name: str, *, size_bytes: int = 64 * MIB, **fields: object) -> str:
    """Create a volume and return its id."""
    request = {"volumeCapabilities": [FILE_SYSTEM], "capacityRange": {"requiredBytes": size_bytes}, **fields}
    return str(driver.call("CreateVolume", name=name, **request).volume.volume_id)


def delete(driver: Driver, volume: str) -> None:
    driver.call("DeleteVolume", volumeId=volume)


def take_snapshot(driver: Driver, name: str, volume: str) -> str:
    """Take a snapshot and return its id."""
    return str(driver.call("CreateSnapshot", name=name, sourceVolumeId=volume).snapshot.snapshot_id)


def delete_snapshot(driver: Driver, snapshot: str) -> None:
    driver.call("DeleteSnapshot", snapshotId=snapshot)


def from_snapshot(snapshot: str) -> dict[str, Any]:
    return {"volumeContentSource": {"snapshot": {"snapshotId": snapshot}}}


def from_volume(volume: str) -> dict[str, Any]:
    return {"volumeContentSource": {"volume": {"volumeId": volume}}}
