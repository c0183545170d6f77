"""A real MinIO on loopback and repositories that the real restic makes in it, for the tests of what reads them."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest

from clusters.images.gomodule import GoModule
from controller.configuration import Admission, Configuration, S3Deadlines
from controller.contract import Repo
from controller.model import Claim, Credentials
from controller.settings import Settings, Store
from controller.store.session import open_session
from controller.store.truths import Stores
from fixtures.locks import sealed
from fixtures.wait import Waits, eventually

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator
    from pathlib import Path
    from typing import TypeVar

    T = TypeVar("T")

BUCKET: Final = "backups"
PASSWORD: Final = "a password"  # noqa: S105 - of a repository that lives as long as one test
_KEY_ID, _SECRET = "an-access-key", "a-secret-key"


def program(component: str, version: str) -> Path:
    """A program that was built for the clusters; where it was not, the test cannot run."""
    found = GoModule(component, version).folder / component
    if not found.is_file():
        pytest.skip(f"{component} {version} has not been built here; `make up` does it")
    return found


def credentials(**changes: str) -> Credentials:
    """A base Secret with what opens everything, or with something else."""
    plain = {"RESTIC_PASSWORD": PASSWORD, "AWS_ACCESS_KEY_ID": _KEY_ID, "AWS_SECRET_ACCESS_KEY": _SECRET, **changes}
    return Credentials({name: base64.b64encode(value.encode()).decode() for name, value in plain.items()})


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass
class RealStore:
    """One MinIO with a bucket, and the ways in which a test changes what is in it."""

    endpoint: str
    restic: Path
    store: Store = field(init=False)
    s3: Any = field(init=False)  # another client than the controller's

    def __post_init__(self) -> None:
        self.store = Store(self.endpoint, BUCKET, "cluster-a")
        self.s3 = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=_KEY_ID,
            aws_secret_access_key=_SECRET,
            region_name="us-east-1",
        )

    def put(self, key: str, content: bytes = b"") -> None:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=content)

    def keys(self, prefix: str = "") -> list[str]:
        found = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return [each["Key"] for each in found.get("Contents", ())]

    def empty(self, prefix: str = "") -> None:
        for key in self.keys(prefix):
            self.s3.delete_object(Bucket=BUCKET, Key=key)

    def put_in_place(self, of: Claim, other: Claim) -> None:
        """A copy of another claim's repository where that of this one lay."""
        self.empty(f"{self.path(of)}/")
        for key in self.keys(f"{self.path(other)}/"):
            here = f"{self.path(of)}/{key.removeprefix(f'{self.path(other)}/')}"
            self.s3.copy_object(Bucket=BUCKET, Key=here, CopySource={"Bucket": BUCKET, "Key": key})

    def run(self, of: Claim, *arguments: str, stdin: str = "") -> str:
        """What restic prints about the repository of a claim."""
        environment = {
            "PATH": os.environ["PATH"],
            "TZ": "UTC",
            "RESTIC_REPOSITORY": f"s3:{self.endpoint}/{BUCKET}/{self.path(of)}",
            "RESTIC_PASSWORD": PASSWORD,
            "AWS_ACCESS_KEY_ID": _KEY_ID,
            "AWS_SECRET_ACCESS_KEY": _SECRET,
        }
        command = [str(self.restic), "--no-cache", *arguments]
        done = subprocess.run(command, env=environment, input=stdin, check=True, capture_output=True, text=True)
        return done.stdout

    def path(self, of: Claim) -> str:
        """Where the repository of a claim lies."""
        return f"{self.store.prefix}/{of.namespace}/{of.name}"

    def back_up(self, of: Claim, at: str, content: str, *, path: str = "/data") -> str:
        """Make a restore point of this time (UTC), of one file; its id. Movers back up `/data`."""
        if not self.keys(f"{self.path(of)}/config"):
            self.run(of, "init")
        arguments = ["--json", "backup", "--host", "volsync", "--time", at, "--stdin", "--stdin-filename", path]
        told = self.run(of, *arguments, stdin=content)
        return str(json.loads(told.splitlines()[-1])["snapshot_id"])

    def age(self, of: Claim) -> None:
        """Turn a repository into one of a format that restic does not know yet."""
        key = json.loads(self.run(of, "cat", "masterkey"))
        config = {**json.loads(self.run(of, "cat", "config")), "version": 99}
        self.put(f"{self.path(of)}/config", sealed(key, json.dumps(config).encode()))

    def configuration(self, **changes: Any) -> Configuration:
        """An installation that uses this store."""
        base = Configuration(
            namespace="firedrill-controller",
            settings=Settings(stores={Repo.LOCAL: self.store}),
            base_secrets={Repo.LOCAL: "base"},
            regions={Repo.LOCAL: "us-east-1"},
            s3=S3Deadlines(connect_s=5, answer_s=20),
            admission=Admission(port=8443, deadline_s=60, timeout_s=61),
            metrics_port=8080,
            workers=1,
        )
        return replace(base, **changes)

    def ask(self, asked: Callable[[Stores], Awaitable[T]], **changes: Any) -> T:
        """What the controller's part that speaks to stores answers."""

        async def run() -> T:
            configuration = self.configuration(**changes)
            async with open_session(configuration.s3) as session:
                return await asked(Stores(configuration, session))

        return asyncio.run(run())


@contextmanager
def minio(folder: Path, server: Path, restic: Path) -> Generator[RealStore]:
    """A MinIO that answers, until the end of the block."""
    port = free_port()
    environment = {**os.environ, "MINIO_ROOT_USER": _KEY_ID, "MINIO_ROOT_PASSWORD": _SECRET}
    command = [str(server), "server", "--quiet", "--address", f"127.0.0.1:{port}", str(folder / "drive")]
    log = (folder / "minio.log").open("wb")
    with log, subprocess.Popen(command, env=environment, stdout=log, stderr=log) as process:
        try:
            found = RealStore(f"http://127.0.0.1:{port}", restic)
            eventually(lambda: _answers(port), bool, expected="MinIO listens", wait=Waits.load().api)
            found.s3.create_bucket(Bucket=BUCKET)
            yield found
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    with socket.socket() as found:
        found.settimeout(1)
        return found.connect_ex(("127.0.0.1", port)) == 0
