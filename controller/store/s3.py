"""One bucket, in the few requests that are needed; each has a deadline, and none is repeated.

Requests are signed by minio's client library and sent by aiohttp: a deadline then ends a request for good, where a
thread would sit on it, and a store that hangs cannot use up the threads that others wait for.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote_plus, urlsplit
from xml.etree import ElementTree as ET

import aiohttp
from minio.credentials.credentials import Credentials as Keys
from minio.signer import sign_v4_s3
from yarl import URL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controller.settings import Store

_NAMESPACE: Final = "{http://s3.amazonaws.com/doc/2006-03-01/}"
_EMPTY_SHA256: Final = hashlib.sha256(b"").hexdigest()
_PAGE: Final = 1000
LATE: Final = "the store did not answer in time"


class StoreError(Exception):
    """The store refused, or did not answer. The text is the same for the same cause, and holds no key."""


class Refused(StoreError):
    """The store answered that it does not know this key, or does not let it do this."""


class AlreadyThere(StoreError):
    """An object of this name exists."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An object in a listing: its key, and when it was stored."""

    key: str
    stored_at: datetime


@dataclass(frozen=True, slots=True)
class _Page:
    entries: tuple[Entry, ...]
    next_page: str | None


@dataclass(frozen=True, slots=True)
class Access:
    """Whose name requests are made in, and where the store lies."""

    key_id: str
    secret: str
    token: str | None
    region: str


class Bucket:
    """The bucket of a store. Every method raises `StoreError`."""

    def __init__(self, session: aiohttp.ClientSession, store: Store, access: Access) -> None:
        self._session = session
        self._base = f"{store.endpoint.rstrip('/')}/{store.bucket}"
        self._bucket = store.bucket
        self._region = access.region
        self._keys = Keys(access.key_id, access.secret, access.token)

    async def first(self, prefix: str, start_after: str) -> Entry | None:
        """The first object below a prefix whose key comes after this one, in one request of one key."""
        page = await self._page(prefix, start_after=start_after, keys_max=1)
        return page.entries[0] if page.entries else None

    async def all(self, prefix: str, start_after: str = "", page_s: float | None = None) -> tuple[Entry, ...]:
        """All objects below a prefix whose keys come after this one. Every page was read.

        `page_s` is how long one page may take, where that is not the deadline of all requests.
        """
        found: list[Entry] = []
        page = await self._page(prefix, start_after=start_after, within_s=page_s)
        found += page.entries
        while page.next_page is not None:
            page = await self._page(prefix, next_page=page.next_page, within_s=page_s)
            found += page.entries
        return tuple(found)

    async def put(self, key: str, content: bytes) -> None:
        """Store an object, whether there is one of this name or not."""
        await self._ask("PUT", key, content=content)

    async def put_new(self, key: str, content: bytes) -> None:
        """Store an object. Raises `AlreadyThere` if there is one of this name."""
        await self._ask("PUT", key, content=content, headers={"If-None-Match": "*"})

    async def delete(self, key: str) -> None:
        """Remove an object; that there is none is no error."""
        await self._ask("DELETE", key)

    async def _page(
        self,
        prefix: str,
        *,
        start_after: str = "",
        next_page: str | None = None,
        keys_max: int | None = None,
        within_s: float | None = None,
    ) -> _Page:
        query = {"encoding-type": "url", "list-type": "2", "max-keys": str(keys_max or _PAGE)}
        query["prefix"] = prefix
        if next_page is not None:
            query["continuation-token"] = next_page
        elif start_after:
            query["start-after"] = start_after
        return _page(await self._ask("GET", "", query=query, within_s=within_s))

    async def _ask(
        self,
        verb: str,
        key: str,
        *,
        query: Mapping[str, str] | None = None,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
        within_s: float | None = None,
    ) -> bytes:
        text = "&".join(
            f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted((query or {}).items())
        )
        url = f"{self._base}{'/' if key else ''}{quote(key)}" + (f"?{text}" if text else "")
        signed = self._signed(verb, url, content, headers or {})
        deadlines = self._session.timeout
        if within_s is not None:
            deadlines = aiohttp.ClientTimeout(total=within_s, sock_connect=deadlines.sock_connect)
        try:
            # The address is signed as it is written here: it must not be quoted anew on its way.
            address = URL(url, encoded=True)
            async with self._session.request(
                verb, address, headers=signed, data=content or None, allow_redirects=False, timeout=deadlines
            ) as answer:
                body = await answer.read()
        except TimeoutError as error:
            raise StoreError(LATE) from error
        except (aiohttp.ClientError, OSError) as error:
            raise StoreError(f"the store could not be reached ({type(error).__name__})") from error
        if answer.status in {409, 412} and "If-None-Match" in (headers or {}):
            raise AlreadyThere(f"{key} exists already")
        if answer.status not in {200, 204}:
            raise _refusal(answer.status, body, self._bucket)
        return body

    def _signed(self, verb: str, url: str, content: bytes, headers: Mapping[str, str]) -> dict[str, str]:
        digest = hashlib.sha256(content).hexdigest() if content else _EMPTY_SHA256
        now = datetime.now(UTC)
        signed: dict[str, str | list[str] | tuple[str]] = {
            "Host": urlsplit(url).netloc,
            "x-amz-content-sha256": digest,
            "x-amz-date": now.strftime("%Y%m%dT%H%M%SZ"),
            **headers,
        }
        if self._keys.session_token:
            signed["x-amz-security-token"] = self._keys.session_token
        sign_v4_s3(
            method=verb,
            url=urlsplit(url),
            region=self._region,
            headers=signed,
            credentials=self._keys,
            content_sha256=digest,
            date=now,
        )
        return {name: str(value) for name, value in signed.items()}


def _page(body: bytes) -> _Page:
    try:
        root = ET.fromstring(body)  # noqa: S314 - of the store that holds all backups
        if root.tag != f"{_NAMESPACE}ListBucketResult":
            raise StoreError(f"the store answered a listing with {root.tag.rpartition('}')[2]}")
        truncated = {"true": True, "false": False}[root.findtext(f"{_NAMESPACE}IsTruncated") or ""]
        token = root.findtext(f"{_NAMESPACE}NextContinuationToken")
        entries = tuple(map(_entry, root.iterfind(f"{_NAMESPACE}Contents")))
    except (ET.ParseError, KeyError, TypeError, ValueError) as error:
        raise StoreError("the store's listing could not be read") from error
    if truncated and not token:
        raise StoreError("the store's listing is cut off, and names no next page")
    return _Page(entries, token if truncated else None)


def _entry(contents: ET.Element) -> Entry:
    key, stored_at = contents.findtext(f"{_NAMESPACE}Key"), contents.findtext(f"{_NAMESPACE}LastModified")
    if not key or not stored_at:
        raise ValueError("an object without key or time")
    return Entry(unquote_plus(key), datetime.fromisoformat(stored_at.replace("Z", "+00:00")).astimezone(UTC))


def _refusal(status: int, body: bytes, bucket: str) -> StoreError:
    try:
        code = ET.fromstring(body).findtext("Code") or ""  # noqa: S314 - of the store that holds all backups
    except ET.ParseError:
        code = ""
    match code:
        case "NoSuchBucket":
            return StoreError(f"the bucket {bucket} does not exist")
        case "AccessDenied" | "InvalidAccessKeyId" | "SignatureDoesNotMatch":
            return Refused(f"the store refuses our key ({code}); correct the base Secret, or what the key may do")
        case _:
            return StoreError(f"the store answered {status} {code}".rstrip())
