"""A small API server on loopback, for what no real cluster does on demand: lists cut in pages, watches that break off.

It keeps objects by path, counts versions, and holds preconditions as the real one does.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import defaultdict
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from controller.cluster.api import CHILDREN, CLAIMS, EVENTS, NODES, PODS, SNAPSHOT_CLASSES, Api
from controller.cluster.connection import Connection, Token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping


_PLURALS: Final = {each.plural for each in (CLAIMS, PODS, NODES, EVENTS, SNAPSHOT_CLASSES, *CHILDREN.values())}


@dataclass
class ApiServer:
    """What it holds and was asked. `refuse` maps a path to the status with which it is answered once."""

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    version: int = 100
    asked: list[str] = field(default_factory=list)
    refuse: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    watches: list[asyncio.Queue[dict[str, Any] | None]] = field(default_factory=list)

    def put(self, path: str, body: Mapping[str, Any], event: str = "MODIFIED") -> dict[str, Any]:
        """An object is there, with the next version; whoever watches is told."""
        self.version += 1
        name, metadata = path.rpartition("/")[2], dict(body.get("metadata") or {})
        metadata.setdefault("name", name)
        metadata.setdefault("uid", f"uid-of-{name}")
        metadata.setdefault("creationTimestamp", "2026-01-10T12:00:00Z")
        stored = {**body, "metadata": {**metadata, "resourceVersion": str(self.version)}}
        self.objects[path] = stored
        self._tell(event, stored)
        return stored

    def remove(self, path: str) -> None:
        self.version += 1
        gone = self.objects.pop(path)
        gone["metadata"] = {**gone["metadata"], "resourceVersion": str(self.version)}
        self._tell("DELETED", gone)

    def writes(self) -> list[str]:
        return [each for each in self.asked if not each.startswith("GET")]

    def _tell(self, kind: str, body: Mapping[str, Any]) -> None:
        for each in self.watches:
            each.put_nowait({"type": kind, "object": body})

    async def handle(self, request: web.Request) -> web.StreamResponse:  # noqa: PLR0911 - one for each verb
        """One request."""
        self.asked.append(f"{request.method} {request.path}")
        if self.refuse[request.path]:
            status = self.refuse[request.path].pop(0)
            return _status(status)
        match request.method:
            case "GET" if "watch" in request.query:
                return await self._watch(request)
            case "GET" if request.path in self.objects:
                return web.json_response(self.objects[request.path])
            case "GET":
                return self._list(request)
            case "POST":
                body = await request.json()
                path = f"{request.path}/{body['metadata']['name']}"
                return _status(409) if path in self.objects else web.json_response(self.put(path, body, "ADDED"))
            case "PUT":
                return self._replace(request.path, await request.json())
            case "PATCH":
                return self._patch(request.path.removesuffix("/status"), json.loads(await request.text()))
            case "DELETE":
                return self._delete(request.path, await request.json())
        return _status(405)

    def _list(self, request: web.Request) -> web.Response:
        """All below a path, in all namespaces if it names none; two in a page. Unknown single objects are missing."""
        parts = request.path.strip("/").split("/")
        wanted = parts[-1]
        found = [
            body
            for path, body in sorted(self.objects.items())
            if path.split("/")[-2] == wanted and ("namespaces" not in parts or path.startswith(f"{request.path}/"))
        ]
        fields = [each.split("=") for each in request.query.get("fieldSelector", "").split(",") if each]
        found = [body for body in found if all(_field(body, name) == value for name, value in fields)]
        if wanted not in _PLURALS:
            return _status(404)
        start = int(request.query.get("continue", "0"))
        more = str(start + 2) if start + 2 < len(found) else ""
        metadata = {"resourceVersion": str(self.version), "continue": more}
        return web.json_response({"metadata": metadata, "items": found[start : start + 2]})

    def _replace(self, path: str, body: dict[str, Any]) -> web.Response:
        before = self.objects.get(path)
        if before is None:
            return _status(404)
        if body["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]:
            return _status(409)
        kept = {name: before["metadata"][name] for name in ("uid", "creationTimestamp")}
        return web.json_response(self.put(path, {**body, "metadata": {**body["metadata"], **kept}}))

    def _patch(self, path: str, changes: dict[str, Any]) -> web.Response:
        before = self.objects.get(path)
        if before is None:
            return _status(404)
        if changes["metadata"].get("uid", before["metadata"]["uid"]) != before["metadata"]["uid"]:
            return _status(409)
        annotations = {**before["metadata"].get("annotations", {}), **changes["metadata"].get("annotations", {})}
        status = {**before.get("status", {}), **changes.get("status", {})}
        metadata = {**before["metadata"], "annotations": annotations}
        return web.json_response(self.put(path, {**before, "metadata": metadata, "status": status}))

    def _delete(self, path: str, options: dict[str, Any]) -> web.Response:
        before = self.objects.get(path)
        if before is None:
            return _status(404)
        if options.get("preconditions", {}).get("uid", before["metadata"]["uid"]) != before["metadata"]["uid"]:
            return _status(409)
        self.remove(path)
        return web.json_response(before)

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        events: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self.watches.append(events)
        answer = web.StreamResponse()
        await answer.prepare(request)
        first_wanted = request.headers.get("Accept", "").partition(",")[0]
        while (event := await events.get()) is not None:
            if "as=PartialObjectMetadataList" in first_wanted:
                break  # as the real one does: an event is no list, and it has begun to answer already
            await answer.write(json.dumps(event).encode() + b"\n")
        self.watches.remove(events)
        return answer


def _field(body: dict[str, Any], name: str) -> object:
    found: Any = body
    for part in name.split("."):
        found = found.get(part, {})
    return found


def _status(code: int) -> web.Response:
    return web.json_response({"kind": "Status", "code": code, "message": f"said {code}"}, status=code)


@asynccontextmanager
async def serving(server: ApiServer) -> AsyncIterator[Api]:
    """A client of this server."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    api = Api(Connection(f"http://{host}:{port}", ssl.create_default_context(), Token()))
    try:
        yield api
    finally:
        await api.close()
        for each in server.watches:
            each.put_nowait(None)
        await runner.cleanup()
