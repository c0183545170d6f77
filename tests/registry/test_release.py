"""Released images against a real registry: one that has all, one that has some, one that is none."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from clusters import docker
from clusters.images import release
from clusters.images.mirror import Mirror
from clusters.problem import Problem
from tests.registry.conftest import free_port, push

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_an_image_of_a_mirror_gets_its_own_name_and_keeps_no_other(mirror: Mirror, reference: str) -> None:
    push(reference, mirror)
    assert release.why_refused(reference, mirror) == ""
    assert not docker.inspect("image", reference), "asking pulls nothing"
    release.pull(reference, mirror)
    image = docker.inspect("image", reference)[reference]
    assert image["Config"]["Labels"]["firedrill.test"] == mirror.holds(reference)
    assert image["RepoTags"] == [reference]


def test_a_registry_that_lacks_an_image_says_so_before_anything_is_pulled(mirror: Mirror, reference: str) -> None:
    assert "no such manifest" in release.why_refused(reference, mirror)
    with pytest.raises(Problem, match="IMAGES_MIRROR") as refused:
        release.pull(reference, mirror)
    assert mirror.holds(reference) in refused.value.what


def test_a_registry_that_does_not_answer_is_no_registry(reference: str) -> None:
    assert "connection refused" in release.why_refused(reference, Mirror(f"127.0.0.1:{free_port()}"))


def test_a_server_that_is_no_registry_is_none(reference: str, some_web_page: Mirror) -> None:
    assert release.why_refused(reference, some_web_page)
    with pytest.raises(Problem, match="--images source"):
        release.pull(reference, some_web_page)


@pytest.fixture
def some_web_page() -> Iterator[Mirror]:
    """What a captive portal does: every address has the same page."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<html>Please log in.</html>")

        def log_message(self, *_: object) -> None:
            """Nothing: pytest's output is for people."""

    server = HTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Mirror(f"127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
