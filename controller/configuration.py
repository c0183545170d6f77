"""What an installation chooses, read from one YAML file. Every mistake in it is one message, with all problems at once.

What does not fit together is told once each part is right by itself. `deploy/configuration.yaml` is an example.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from controller import quantity
from controller.contract import Repo
from controller.retention import Retention
from controller.schedule import Daily, Hourly
from controller.settings import DAILY, HOURLY, REMOTE, ExternalSecrets, Settings, Store, Tier

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# What the answer needs beside what it asks for: the API server's own way to us and back.
_ADMISSION_MARGIN_S: Final = 1.0


class Misconfigured(Exception):
    """The configuration cannot be used. As text: where it was read, and every problem with what to write instead."""

    def __init__(self, where: str, problems: tuple[str, ...]) -> None:
        super().__init__(where, problems)
        self.where = where
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join([f"{self.where} cannot be used:", *(f"  {problem}" for problem in self.problems)])


@dataclass(frozen=True, slots=True)
class S3Deadlines:
    """How long one request to a store may take, in seconds. What takes longer is no answer."""

    connect_s: float
    answer_s: float


@dataclass(frozen=True, slots=True)
class Admission:
    """How claims that are being created are answered. `deadline_s` is ours, below the webhook's `timeout_s`."""

    port: int
    deadline_s: float
    timeout_s: int


@dataclass(frozen=True, slots=True)
class Configuration:
    """All of it. `base_secrets` are names in `namespace`, the controller's own; `regions` are the stores'."""

    namespace: str
    settings: Settings
    base_secrets: Mapping[Repo, str]
    regions: Mapping[Repo, str]
    s3: S3Deadlines
    admission: Admission
    metrics_port: int
    workers: int


def read(path: Path) -> Configuration:
    """The configuration in this file. Raises `Misconfigured`."""
    try:
        return parse(path.read_text(), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(str(path), (f"it cannot be read: {error}",)) from error


def parse(text: str, where: str) -> Configuration:
    """The configuration in this text; `where` names it in messages. Raises `Misconfigured`."""
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Misconfigured(where, (f"it is no YAML: {error}",)) from error
    try:
        return _File.model_validate({} if found is None else found).configuration()
    except ValidationError as error:
        raise Misconfigured(where, tuple(map(_told, error.errors()))) from error


# --- the file --------------------------------------------------------------------------------------------------------


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _endpoint(text: str) -> str:
    if re.fullmatch(r"https?://[^/\s]+/?", text) is None:
        raise ValueError("write scheme, host and port alone, such as https://s3.example.org:9000")
    return text


def _prefix(text: str) -> str:
    # restic cleans the path of a repository's address, and would write elsewhere than is listed here.
    inner = text.strip("/")
    if inner and not {"", ".", ".."}.isdisjoint(inner.split("/")):
        raise ValueError("write a path without empty, . and .. parts, such as backups/cluster-a")
    return text


def _size(text: str) -> str:
    if quantity.bytes_of(text) is None:
        raise ValueError("write a size such as 1Gi")
    return text


_DnsName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")]
_Seconds = Annotated[float, Field(gt=0, le=30)]
_Port = Annotated[int, Field(ge=1024, le=65535)]
_Count = Annotated[int, Field(ge=0, le=10_000)]


class _Store(_Part):
    endpoint: Annotated[str, AfterValidator(_endpoint)]
    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]*$"), AfterValidator(_prefix)] = ""
    region: str = "us-east-1"
    secret: _DnsName


class _Stores(_Part):
    local: _Store
    remote: _Store | None = None

    def by_repo(self) -> Mapping[Repo, _Store]:
        return {Repo.LOCAL: self.local, **({Repo.REMOTE: self.remote} if self.remote else {})}


class _Keep(_Part):
    hourly: _Count = 0
    daily: _Count = 0
    weekly: _Count = 0
    monthly: _Count = 0
    yearly: _Count = 0

    @model_validator(mode="after")
    def _something(self) -> _Keep:
        if not any(self.model_dump().values()):
            raise ValueError("keep at least one restore point: give a count above 0")
        return self


class _Tier(_Part):
    every: Literal["hour", "day"]
    hour: Annotated[int, Field(ge=0, le=23)] | None = None
    keep: _Keep
    overdue_after_hours: Annotated[float, Field(gt=0)] = Field(alias="overdueAfterHours")

    @model_validator(mode="after")
    def _hour_of_day(self) -> _Tier:
        if (self.every == "day") is (self.hour is None):
            raise ValueError("hour (0 to 23, UTC) belongs to every: day, and is needed there")
        return self

    def tier(self) -> Tier:
        cadence = Hourly() if self.hour is None else Daily(self.hour)
        return Tier(cadence, Retention(**self.keep.model_dump()), timedelta(hours=self.overdue_after_hours))


class _Vault(_Part):
    store_kind: Literal["SecretStore", "ClusterSecretStore"] = Field(alias="storeKind")
    store_name: _DnsName = Field(alias="storeName")
    keys: dict[Literal["local", "remote"], str]

    def settings(self) -> ExternalSecrets:
        return ExternalSecrets(self.store_kind, self.store_name, {Repo(repo): key for repo, key in self.keys.items()})


class _S3(_Part):
    connect_seconds: _Seconds = Field(default=1.0, alias="connectSeconds")
    answer_seconds: _Seconds = Field(default=3.0, alias="answerSeconds")


class _Admission(_Part):
    port: _Port = 8443
    # Of the webhook; the API server takes 1 to 30.
    timeout_seconds: Annotated[int, Field(ge=2, le=30)] = Field(default=10, alias="timeoutSeconds")
    deadline_seconds: _Seconds = Field(default=8.0, alias="deadlineSeconds")


def _tiers() -> dict[str, _Tier]:
    return {}


class _File(_Part):
    namespace: _DnsName = "firedrill-controller"
    stores: _Stores
    tiers: dict[Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")], _Tier] = Field(
        default_factory=_tiers
    )
    remote_tier: _Tier | None = Field(default=None, alias="remoteTier")
    snapshot_class: _DnsName | None = Field(default=None, alias="snapshotClass")
    cache_capacity: Annotated[str, AfterValidator(_size)] = Field(default="1Gi", alias="cacheCapacity")
    prune_interval_days: Annotated[int, Field(ge=1)] = Field(default=7, alias="pruneIntervalDays")
    external_secrets: _Vault | None = Field(default=None, alias="externalSecrets")
    # How long something may wait before the cluster is asked why.
    patience_seconds: Annotated[float, Field(gt=0, le=3600)] = Field(default=60.0, alias="patienceSeconds")
    standby: bool = False
    s3: _S3 = Field(default_factory=_S3)
    admission: _Admission = Field(default_factory=_Admission)
    metrics_port: _Port = Field(default=8080, alias="metricsPort")
    # A look at a claim mostly waits for its stores: few of them leave the processor idle.
    workers: Annotated[int, Field(ge=1, le=64)] = 16

    @model_validator(mode="after")
    def _fits_together(self) -> _File:
        problems: list[str] = []
        if self.admission.deadline_seconds + _ADMISSION_MARGIN_S > self.admission.timeout_seconds:
            problems.append(
                f"admission.deadlineSeconds has to be {_ADMISSION_MARGIN_S:g} s below admission.timeoutSeconds: else "
                "nobody hears why a claim was not answered"
            )
        if (
            self.s3.connect_seconds > self.s3.answer_seconds
            or self.s3.answer_seconds >= self.admission.deadline_seconds
        ):
            problems.append(
                "s3.connectSeconds, s3.answerSeconds and admission.deadlineSeconds have to grow in this order"
            )
        if self.metrics_port == self.admission.port:
            problems.append("metricsPort and admission.port have to differ")
        stores = self.stores.by_repo()
        places = {(store.endpoint.rstrip("/"), store.bucket, store.prefix.strip("/")) for store in stores.values()}
        if len(places) < len(stores):
            problems.append("stores.remote is the same place as stores.local: name another one, or leave it out")
        if self.external_secrets is not None:
            lacking = sorted({repo.value for repo in stores} - self.external_secrets.keys.keys())
            problems += [f"externalSecrets.keys.{repo} is missing: name its entry of the vault" for repo in lacking]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def configuration(self) -> Configuration:
        stores = self.stores.by_repo()
        settings = Settings(
            stores={repo: Store(store.endpoint, store.bucket, store.prefix) for repo, store in stores.items()},
            tiers={name: tier.tier() for name, tier in self.tiers.items()} or {"hourly": HOURLY, "daily": DAILY},
            remote=self.remote_tier.tier() if self.remote_tier else REMOTE,
            snapshot_class=self.snapshot_class,
            cache_capacity=self.cache_capacity,
            prune_interval_days=self.prune_interval_days,
            external_secrets=self.external_secrets.settings() if self.external_secrets else None,
            patience=timedelta(seconds=self.patience_seconds),
            standby=self.standby,
        )
        return Configuration(
            namespace=self.namespace,
            settings=settings,
            base_secrets={repo: store.secret for repo, store in stores.items()},
            regions={repo: store.region for repo, store in stores.items()},
            s3=S3Deadlines(self.s3.connect_seconds, self.s3.answer_seconds),
            admission=Admission(self.admission.port, self.admission.deadline_seconds, self.admission.timeout_seconds),
            metrics_port=self.metrics_port,
            workers=self.workers,
        )


def _told(error: Any) -> str:  # noqa: ANN401 - pydantic's own mapping
    where = ".".join(str(part) for part in error["loc"]) or "the whole"
    why = error["msg"].removeprefix("Value error, ")
    match error["type"]:
        case "missing":
            return f"{where} is missing"
        case "extra_forbidden":
            return f"{where} is not known; correct the name, or remove it"
        case _:
            return f"{where}: {why}"
