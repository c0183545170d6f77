"""The API server, in the few verbs that are needed. The only module that knows its client.

Objects are plain mappings. No request is repeated here: whoever asks knows when that is right.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

import aiohttp
import msgspec

from controller.model import Kind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from controller.cluster.connection import Connection
    from controller.model import Object

_ANSWER_S: Final = 10.0
_CONNECT_S: Final = 3.0
# The server ends a watch after this; bookmarks come about every minute, so longer silence is a dead connection.
_WATCH_S: Final = 300
_SILENCE_S: Final = 150.0
# Several lists are read at once when a process starts, and a page is held as a whole: larger ones cost memory for good.
_PAGE: Final = 200
_LINE_BYTES_MAX: Final = 8 * 1024 * 1024  # one event of a watch; an object has at most 3 MiB
_WHOLE: Final = "application/json"
# For objects without spec and status. A watch sends single objects: asked for lists first, the API server ends it at
# the first event, without a word and without that event (seen with Kubernetes 1.36.3).
_METADATA_OF_A_LIST: Final = f"application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,{_WHOLE}"
_METADATA_OF_EACH: Final = f"application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,{_WHOLE}"


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of objects, as the API server addresses it."""

    group: str  # "api/v1", or "apis/<group>/<version>"
    plural: str

    def path(self, namespace: str | None = None, name: str | None = None, part: str | None = None) -> str:
        """The path of one object or of a list; of part of an object, such as its status."""
        where = f"/namespaces/{namespace}" if namespace else ""
        return f"/{self.group}{where}/{self.plural}" + "".join(f"/{each}" for each in (name, part) if each)


CLAIMS: Final = Resource("api/v1", "persistentvolumeclaims")
VOLUMES: Final = Resource("api/v1", "persistentvolumes")
PODS: Final = Resource("api/v1", "pods")
NODES: Final = Resource("api/v1", "nodes")
SNAPSHOT_CLASSES: Final = Resource("apis/snapshot.storage.k8s.io/v1", "volumesnapshotclasses")
SNAPSHOT_CONTENTS: Final = Resource("apis/snapshot.storage.k8s.io/v1", "volumesnapshotcontents")
EVENTS: Final = Resource("apis/events.k8s.io/v1", "events")
CHILDREN: Final[Mapping[Kind, Resource]] = {
    Kind.SOURCE: Resource("apis/volsync.backube/v1alpha1", "replicationsources"),
    Kind.DESTINATION: Resource("apis/volsync.backube/v1alpha1", "replicationdestinations"),
    Kind.EXTERNAL_SECRET: Resource("apis/external-secrets.io/v1", "externalsecrets"),
    Kind.SECRET: Resource("api/v1", "secrets"),
    Kind.SNAPSHOT: Resource("apis/snapshot.storage.k8s.io/v1", "volumesnapshots"),
}


class ApiError(Exception):
    """The API server refused, or did not answer (`status` is 0). Its own words are in the text, no request is."""

    def __init__(self, status: int, what: str, why: str) -> None:
        super().__init__(status, what, why)
        self.status = status

    def __str__(self) -> str:
        status, what, why = self.args
        return f"{what}: {why}" if status == 0 else f"{what}: {status} {why}"

    @property
    def is_missing(self) -> bool:
        return self.status == 404

    @property
    def is_conflict(self) -> bool:
        """An object of this name exists already, or the one that was meant has changed or is gone."""
        return self.status == 409

    @property
    def is_silence(self) -> bool:
        """The server did not answer, or cannot now: nothing can be said of what was asked about."""
        return self.status in {0, 429} or self.status >= 500


class Patch(Enum):
    """How a patch is understood."""

    MERGE = "application/merge-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"


@dataclass(frozen=True, slots=True)
class Page:
    """Objects of a list, and the version at which it was made: the same for all of its pages."""

    items: tuple[Object, ...]
    version: str


class Api:
    """One API server. Every method raises `ApiError`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=connection.trust, limit=0),
            timeout=aiohttp.ClientTimeout(total=_ANSWER_S, sock_connect=_CONNECT_S),
            read_bufsize=_LINE_BYTES_MAX,
        )

    async def close(self) -> None:
        """End all connections."""
        await self._session.close()

    async def get(self, path: str) -> Object:
        """One object, as the server has it now and not as a cache had it."""
        return await self._ask("GET", path)

    async def create(self, path: str, body: Object) -> Object:
        """The object as it was stored."""
        return await self._ask("POST", path, body=body)

    async def replace(self, path: str, body: Object) -> Object:
        """The object as it is now; a conflict if the version in the body is not that of the server."""
        return await self._ask("PUT", path, body=body)

    async def patch(self, path: str, body: Object, how: Patch) -> Object:
        """The object as it is now; a conflict if the uid in the body is not that of the server."""
        return await self._ask("PATCH", path, body=body, content_type=how.value)

    async def delete(self, path: str, uid: str | None) -> None:
        """Ask for its deletion, only if it has this uid (None: whichever it is)."""
        body = {"propagationPolicy": "Background", **({"preconditions": {"uid": uid}} if uid else {})}
        await self._ask("DELETE", path, body=body)

    async def pages(
        self, path: str, selector: str | None = None, *, fields: str | None = None, metadata_only: bool = False
    ) -> AsyncIterator[Page]:
        """A complete list, page by page. `selector` is one of labels, `fields` one of fields."""
        params = {"limit": str(_PAGE), **({"labelSelector": selector} if selector else {})}
        params |= {"fieldSelector": fields} if fields else {}
        while True:
            accept = _METADATA_OF_A_LIST if metadata_only else _WHOLE
            found = await self._ask("GET", path, params=params, accept=accept)
            metadata = found["metadata"]
            yield Page(tuple(found.get("items") or ()), metadata["resourceVersion"])
            if not metadata.get("continue"):
                return
            params["continue"] = metadata["continue"]

    async def list(
        self, path: str, selector: str | None = None, *, fields: str | None = None, metadata_only: bool = False
    ) -> tuple[Object, ...]:
        """A complete list, as the server has it now."""
        pages = self.pages(path, selector, fields=fields, metadata_only=metadata_only)
        return tuple([item async for page in pages for item in page.items])

    async def watch(
        self, path: str, version: str, selector: str | None = None, *, metadata_only: bool = False
    ) -> AsyncIterator[tuple[str, Object]]:
        """Changes since a version: ADDED, MODIFIED, DELETED or BOOKMARK, with the object. It ends after minutes.

        That the version is too old is told as `ApiError` 410, whether the server says so at once or in the stream.
        """
        params = {"watch": "1", "resourceVersion": version, "allowWatchBookmarks": "true"}
        params |= {"timeoutSeconds": str(_WATCH_S), **({"labelSelector": selector} if selector else {})}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=_SILENCE_S)
        accept = _METADATA_OF_EACH if metadata_only else _WHOLE
        async with self._request("GET", path, params=params, accept=accept, timeout=timeout) as answer:
            async for line in answer.content:
                event = _decoded(line, f"watch {path}")
                if event["type"] == "ERROR":
                    status = event["object"]
                    raise ApiError(status.get("code", 500), f"watch {path}", status.get("message", "no reason given"))
                yield event["type"], event["object"]

    async def _ask(
        self,
        verb: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Object | None = None,
        content_type: str = "application/json",
        accept: str = _WHOLE,
    ) -> Object:
        asked = self._request(verb, path, params=params, body=body, content_type=content_type, accept=accept)
        async with asked as answer:
            return _decoded(await answer.read(), f"{verb} {path}")

    @asynccontextmanager
    async def _request(
        self,
        verb: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Object | None = None,
        content_type: str = "application/json",
        accept: str = _WHOLE,
        timeout: aiohttp.ClientTimeout | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        what = f"{verb} {path}"
        headers = {"Accept": accept}
        if token := self._connection.token.current():
            headers["Authorization"] = f"Bearer {token}"
        if body is not None:
            headers["Content-Type"] = content_type
        try:
            async with self._session.request(
                verb,
                f"{self._connection.server}{path}",
                params=params,
                data=None if body is None else msgspec.json.encode(body),
                headers=headers,
                timeout=timeout or self._session.timeout,
            ) as answer:
                if answer.status >= 400:
                    raise ApiError(answer.status, what, _reason(await answer.read()))
                yield answer
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiError(0, what, f"no answer ({type(error).__name__})") from error


def _decoded(text: bytes, what: str) -> Object:
    try:
        found: Object = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise ApiError(0, what, "the answer is no JSON") from error
    return found


def _reason(text: bytes) -> str:
    """The server's words, without the part of an object that it may repeat."""
    try:
        return str(msgspec.json.decode(text).get("message", ""))[:500]
    except (msgspec.DecodeError, AttributeError):
        return text[:200].decode(errors="replace")
