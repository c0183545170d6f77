"""The Kubernetes gateway against a small API server: what is asked, what is understood, what an error says."""

from __future__ import annotations

import json
import threading
from copy import deepcopy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from clusters.api import Api
from clusters.problem import Problem
from fixtures.kube.client import Kube
from fixtures.kube.errors import ExecError, KubeError, UnreachableError
from fixtures.kube.kinds import CLAIM, KNOWN_KINDS, POD, REPLICATION_SOURCE, VOLUME
from fixtures.kube.objects import describe, is_true

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Server(ThreadingHTTPServer):
    """Answers each path as told and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, tuple[int, Any]] = {}
        self.asked: list[tuple[str, str, str, Any]] = []

    def answer(self, path: str, body: object, status: int = 200) -> None:
        self.answers[path] = (status, body)


class Handler(BaseHTTPRequestHandler):
    server: Server

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append(
            (self.command, self.path, self.headers.get("Content-Type") or "", json.loads(body) if body else None)
        )
        path = self.path.partition("?")[0]
        status, answer = self.server.answers.get(
            path, (404, {"kind": "Status", "reason": "NotFound", "message": f"nothing at {path}"})
        )
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_PATCH = do_DELETE = _serve  # noqa: N815 - the names that http.server looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server gives it
        """Say nothing: the test asserts on what was asked."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def kubeconfig(folder: Path, port: int) -> Path:
    file = folder / "kubeconfig"
    file.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
                "users": [{"name": "u", "user": {"token": "secret-token"}}],
                "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
            }
        )
    )
    return file


@pytest.fixture
def kube(server: Server, tmp_path: Path) -> Kube:
    return Kube(kubeconfig(tmp_path, server.server_port), "here")


POD_PATH = "/api/v1/namespaces/shop/pods/orders"


def test_apply_is_a_forced_server_side_apply_by_one_manager(server: Server, kube: Kube) -> None:
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "orders", "namespace": "shop"}}
    server.answer(POD_PATH, {**body, "status": {"phase": "Pending"}})
    assert kube.apply(body)["status"] == {"phase": "Pending"}
    assert server.asked == [
        ("PATCH", f"{POD_PATH}?fieldManager=firedrill&force=true", "application/apply-patch+yaml", body)
    ]


@pytest.mark.parametrize("exempted", ["", "internal.example"])
def test_a_cluster_on_this_machine_is_asked_past_the_proxy_of_the_environment(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exempted: str
) -> None:
    for scheme in ("HTTP", "HTTPS"):
        monkeypatch.setenv(f"{scheme}_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", exempted)
    file = kubeconfig(tmp_path, server.server_port)
    server.answer(POD_PATH, {"kind": "Pod"})
    server.answer("/api/v1/nodes", {"items": []})
    assert Kube(file, "here").get(POD, "orders", "shop") == {"kind": "Pod"}
    assert Api(file, "here").health().why == "it has no nodes"


def test_a_proxy_that_the_kubeconfig_names_and_one_for_another_machine_are_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    file = kubeconfig(tmp_path, 2)
    of_file = json.loads(file.read_text())
    named, far = deepcopy(of_file), deepcopy(of_file)
    named["clusters"][0]["cluster"]["proxy-url"] = "http://127.0.0.1:3"
    far["clusters"][0]["cluster"]["server"] = "http://192.0.2.1:2"
    for written in (named, far):
        file.write_text(json.dumps(written))
        assert not Kube(file, "here")._config.no_proxy


def test_a_known_kind_costs_no_discovery_and_an_unknown_one_costs_one_request(server: Server, kube: Kube) -> None:
    server.answer(
        "/apis/policy/v1",
        {"resources": [{"name": "pdbs/status", "kind": "PDB"}, {"name": "pdbs", "kind": "PDB", "namespaced": True}]},
    )
    server.answer("/apis/policy/v1/namespaces/shop/pdbs/a", {})
    body = {"apiVersion": "policy/v1", "kind": "PDB", "metadata": {"name": "a", "namespace": "shop"}}
    kube.apply(body)
    kube.apply(body)
    assert [path.partition("?")[0] for _, path, _, _ in server.asked] == [
        "/apis/policy/v1",
        "/apis/policy/v1/namespaces/shop/pdbs/a",
        "/apis/policy/v1/namespaces/shop/pdbs/a",
    ]


def test_all_of_a_kind_in_a_namespace_is_deleted_at_once_and_a_kind_that_is_unknown_has_none(
    server: Server, kube: Kube
) -> None:
    server.answer("/api/v1/namespaces/shop/pods", {"kind": "PodList", "items": []})
    kube.delete_all(POD, "shop")
    kube.delete_all(REPLICATION_SOURCE, "shop")
    assert [(verb, path) for verb, path, _, _ in server.asked] == [
        ("DELETE", "/api/v1/namespaces/shop/pods"),
        ("DELETE", "/apis/volsync.backube/v1alpha1/namespaces/shop/replicationsources"),
    ]
    server.answer("/api/v1/namespaces/shop/pods", {"kind": "Status", "reason": "Forbidden", "message": "no"}, 403)
    with pytest.raises(KubeError, match="every Pod in shop"):
        kube.delete_all(POD, "shop")


def test_what_is_not_there_is_none_and_what_was_not_answered_is_an_error(server: Server, kube: Kube) -> None:
    assert kube.get(POD, "orders", "shop") is None
    assert kube.delete(POD, "orders", "shop") is False
    assert kube.is_gone(POD, "orders", "shop")
    server.answer(POD_PATH, {"reason": "Forbidden", "message": "not yours"}, status=403)
    with pytest.raises(KubeError, match=r"get Pod shop/orders: Forbidden \(403\): not yours"):
        kube.is_gone(POD, "orders", "shop")


def test_an_api_server_that_is_down_is_unreachable_and_not_empty(tmp_path: Path) -> None:
    with Server() as stopped:
        port = stopped.server_port
    kube = Kube(kubeconfig(tmp_path, port), "here")
    with pytest.raises(UnreachableError, match="list Pod shop"):
        kube.list(POD, "shop")


def test_a_list_gives_each_item_its_kind_and_asks_with_selectors(server: Server, kube: Kube) -> None:
    server.answer(
        "/api/v1/namespaces/shop/persistentvolumeclaims",
        {"metadata": {"resourceVersion": "7"}, "items": [{"metadata": {"name": "a"}}]},
    )
    assert kube.list(CLAIM, "shop", labels={"app": "x", "tier": "y"}) == [
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "a"}}
    ]
    assert server.asked[0][1].endswith("?labelSelector=app%3Dx%2Ctier%3Dy")


def test_a_kind_that_is_not_installed_has_no_objects(kube: Kube) -> None:
    assert kube.list(VOLUME) == []


def test_a_merge_patch_removes_with_none_and_returns_what_was_stored(server: Server, kube: Kube) -> None:
    server.answer(POD_PATH, {"metadata": {"name": "orders"}})
    kube.patch(POD, "orders", "shop", {"spec": {"x": None}})
    assert server.asked[0][2:] == ("application/merge-patch+json", {"spec": {"x": None}})


def test_the_log_of_a_container_that_has_not_started_is_empty(server: Server, kube: Kube) -> None:
    server.answer(f"{POD_PATH}/log", {"reason": "BadRequest", "message": "waiting to start"}, status=400)
    assert kube.logs("orders", "shop", "app") == ""
    server.answer(f"{POD_PATH}/log", b"started \xff\n")
    assert kube.logs("orders", "shop", "app", tail_lines=5) == "started �\n"
    assert server.asked[-1][1] == f"{POD_PATH}/log?container=app&tailLines=5"


def test_events_of_both_kinds_come_in_the_order_of_time(server: Server, kube: Kube) -> None:
    server.answer(
        "/api/v1/namespaces/shop/events",
        {
            "metadata": {"resourceVersion": "7"},
            "items": [
                {"metadata": {"name": "late"}, "lastTimestamp": "2026-01-01T00:00:02Z"},
                {"metadata": {"name": "early"}, "lastTimestamp": None, "eventTime": "2026-01-01T00:00:01.5Z"},
            ],
        },
    )
    assert [event["metadata"]["name"] for event in kube.events("shop")] == ["early", "late"]


def test_an_answer_that_is_no_json_is_still_quoted_in_the_error(server: Server, kube: Kube) -> None:
    server.answer(POD_PATH, b"<html>Bad Gateway</html>", status=502)
    with pytest.raises(KubeError, match="Bad Gateway"):
        kube.get(POD, "orders", "shop")


@pytest.mark.parametrize(("file", "context"), [("kubeconfig", "nowhere"), ("missing", "here")])
def test_a_kubeconfig_that_points_nowhere_is_one_clear_problem(tmp_path: Path, file: str, context: str) -> None:
    kubeconfig(tmp_path, 1)
    with pytest.raises(Problem, match=r"do: +kubectl --kubeconfig") as raised:
        Kube(tmp_path / file, context)
    assert str(tmp_path / file) in str(raised.value)
    assert "secret-token" not in str(raised.value)


class Stream:
    """A command in a pod that reads all of stdin and then writes it back, as frames of a web socket."""

    def __init__(self, *, outcome: object, protocol: str = "v5.channel.k8s.io", breaks: bool = False) -> None:
        self.subprotocol: str | None = protocol
        self.sock = self
        self.is_shut = False
        self._channels: dict[int, bytes] = {}
        self._outcome = outcome
        self._breaks = breaks
        self._stdin = bytearray()
        self._stdin_closed = False
        self._open = True

    def is_open(self) -> bool:
        return self._open

    def update(self, timeout: float = 0) -> None:
        del timeout
        if self._breaks:
            self._open = False
        elif self._stdin_closed:
            self._channels[1] = self._channels.get(1, b"") + bytes(self._stdin[:100_000])
            del self._stdin[:100_000]
            if not self._stdin:
                self._channels[2] = b"warned"
                self._channels[3] = json.dumps(self._outcome).encode()
                self._open = False

    def write_channel(self, channel: int, data: bytes) -> None:
        assert channel == 0
        self._stdin += data

    def close_channel(self, channel: int) -> None:
        assert channel == 0
        self._stdin_closed = True

    def close(self) -> None:
        self._open = False

    def shutdown(self) -> None:
        self.is_shut = True


@pytest.fixture
def exec_through(kube: Kube, monkeypatch: pytest.MonkeyPatch) -> Any:
    def run(stream: Stream, stdin: bytes | None, deadline_s: float = 5) -> Any:
        monkeypatch.setattr("fixtures.kube.execution.ws_client.websocket_call", lambda *_, **__: stream)
        return kube.exec("orders", "shop", ["cat"], container="app", stdin=stdin, deadline_s=deadline_s)

    return run


def test_exec_carries_large_streams_of_bytes_both_ways(exec_through: Any) -> None:
    data = bytes(range(256)) * 4096
    stream = Stream(outcome={"status": "Success"})
    done = exec_through(stream, data)
    assert stream.is_shut
    assert (done.exit_code, done.stdout, done.stderr) == (0, data, b"warned")


def test_a_command_that_fails_has_its_exit_code(exec_through: Any) -> None:
    causes = [{"reason": "ExitCode", "message": "4"}]
    done = exec_through(Stream(outcome={"status": "Failure", "details": {"causes": causes}}), b"")
    assert done.exit_code == 4


@pytest.mark.parametrize(
    ("stream", "says"),
    [
        (Stream(outcome={"status": "Failure", "reason": "InternalError", "message": "no such file"}), "no such file"),
        (Stream(outcome=None, breaks=True), "NoExitCode"),
        (Stream(outcome=None, protocol="v4.channel.k8s.io"), "must be 1.30"),
    ],
    ids=["not started", "broken", "old server"],
)
def test_a_command_without_an_exit_code_is_an_error_that_says_why(exec_through: Any, stream: Stream, says: str) -> None:
    with pytest.raises(ExecError, match=says):
        exec_through(stream, b"x")


def test_a_command_that_never_ends_is_given_up_at_its_deadline(exec_through: Any) -> None:
    with pytest.raises(ExecError, match="DeadlineExceeded"):
        exec_through(Stream(outcome=None), None, deadline_s=0.05)


def test_only_a_condition_that_is_true_counts() -> None:
    def pod(status: str) -> dict[str, Any]:
        return {"metadata": {"name": "p"}, "status": {"conditions": [{"type": "Ready", "status": status}]}}

    assert is_true(pod("True"), "Ready")
    assert not is_true(pod("Unknown"), "Ready")
    assert not is_true({"metadata": {"name": "p"}}, "Ready")


def test_a_description_names_what_holds_an_object_that_is_being_deleted() -> None:
    held = {"kind": "Pod", "metadata": {"name": "p", "deletionTimestamp": "now", "finalizers": ["x/y"]}}
    assert describe(held) == "Pod p, being deleted, held by x/y"
    assert describe(None) == "absent"


def test_every_known_kind_is_addressed_once() -> None:
    paths = [kind.path("n" if kind.namespaced else None, None) for kind in KNOWN_KINDS.values()]
    assert len(paths) == len(set(paths)) > 20
