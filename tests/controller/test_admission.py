"""The webhooks' side of HTTP: what is understood, what is answered, and in what time."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from controller import contract, stamp
from controller.admission import review
from controller.admission.application import Application
from controller.admission.measures import Measures
from controller.model import Absent, DataSource, Moment, Mover, Mutation, Source, Unknown
from controller.stamp import Start
from tests.controller.scene import EXISTS, NOW, SETTINGS, world

if TYPE_CHECKING:
    from controller.model import Claim, Truth, World

RESOURCE = {"group": "", "version": "v1", "resource": "persistentvolumeclaims"}


def body(**changes: Any) -> dict[str, Any]:
    """A labelled claim as somebody sends it."""
    base: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "orders", "labels": {contract.TIER_LABEL: "hourly"}},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "block",
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    return {**base, **changes}


def question(item: Any = None, **changes: Any) -> dict[str, Any]:
    """An AdmissionReview that asks about it."""
    request = {
        "uid": "request-1",
        "resource": RESOURCE,
        "operation": "CREATE",
        "namespace": "shop",
        "object": item if item is not None else body(),
    }
    return {"apiVersion": review.API_VERSION, "kind": "AdmissionReview", "request": {**request, **changes}}


class Fixed:
    """Surroundings in which the stores say one thing, after a while."""

    def __init__(self, truth: Truth | Exception, *, after: asyncio.Event | None = None) -> None:
        self.truth = truth
        self.after = after
        self.asked: list[tuple[Moment, str]] = []

    async def at_admission(self, claim: Claim, moment: Moment, nonce: str) -> World:
        self.asked.append((moment, nonce))
        if self.after is not None:
            await self.after.wait()
        if isinstance(self.truth, Exception):
            raise self.truth
        return replace(world(claim, self.truth), nonce=nonce)


def ask(
    surroundings: Fixed,
    text: Any,
    *,
    path: str = "/mutate",
    query: bytes = b"",
    method: str = "POST",
    deadline_s: float = 5.0,
    measures: Measures | None = None,
) -> tuple[int, dict[str, Any]]:
    """The status and the body of the answer."""
    content = text if isinstance(text, bytes) else json.dumps(text).encode()
    half = len(content) // 2
    parts = [
        {"type": "http.request", "body": content[:half], "more_body": True},
        {"type": "http.request", "body": content[half:]},
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return parts.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    application = Application(surroundings, SETTINGS, measures or Measures(), deadline_s=deadline_s, now=lambda: NOW)
    scope = {"type": "http", "method": method, "path": path, "query_string": query}
    asyncio.run(application(scope, receive, send))
    return sent[0]["status"], json.loads(sent[1]["body"])


def response(surroundings: Fixed, text: Any, **how: Any) -> dict[str, Any]:
    status, answer = ask(surroundings, text, **how)
    assert status == 200, answer
    assert answer["response"]["uid"] == "request-1"
    return dict(answer["response"])


def patched(item: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    """The claim after the answer's JSON Patch; fails as RFC 6902 says for what is not there."""
    done: dict[str, Any] = json.loads(json.dumps(item))
    operations = json.loads(base64.b64decode(answer["patch"])) if "patch" in answer else []
    for operation in operations:
        *way, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
        at: Any = done
        for part in way:
            at = at[part]
        if operation["op"] == "remove":
            del at[last]
        else:
            at[last] = operation["value"]
    return done


def test_a_claim_with_a_backup_is_given_a_destination_and_the_decision() -> None:
    item = body()
    answer = response(Fixed(EXISTS), question(item))
    assert answer["allowed"]
    stored = patched(item, answer)
    decided = stamp.read(stored["metadata"]["annotations"])
    assert decided is not None
    assert decided.start is Start.RESTORE
    assert stored["spec"]["dataSourceRef"] == {
        "apiGroup": "volsync.backube",
        "kind": "ReplicationDestination",
        "name": contract.destination("shop", "orders", decided.life),
    }
    assert answer["auditAnnotations"] == {"branch": "9", "reason": "Restoring"}


def test_what_admission_made_of_a_claim_is_what_validation_takes() -> None:
    for truth in (EXISTS, Absent()):
        stored = patched(body(), response(Fixed(truth), question(body())))
        assert response(Fixed(Unknown("not asked")), question(stored), path="/validate")["allowed"]


def test_a_claim_that_nobody_decided_about_is_refused_at_validation_and_told_which_part_was_away() -> None:
    answer = response(Fixed(EXISTS), question(body()), path="/validate")
    assert not answer["allowed"]
    assert "webhook" in answer["status"]["message"]


def test_asked_again_about_its_own_answer_it_gives_one_that_agrees_with_itself() -> None:
    first = patched(body(), response(Fixed(EXISTS), question(body())))
    second = patched(first, response(Fixed(EXISTS), question(first)))
    assert second == first, "the same request decides the same"
    other = question(first, uid="request-2")
    status, answer = ask(Fixed(EXISTS), other)
    assert status == 200
    third = patched(first, answer["response"])
    decided = stamp.read(third["metadata"]["annotations"])
    assert decided is not None
    assert third["spec"]["dataSourceRef"]["name"] == contract.destination("shop", "orders", decided.life)
    assert third != first, "another request is another life"


def test_the_nonce_of_a_life_is_the_uid_of_the_request() -> None:
    surroundings = Fixed(Absent())
    response(surroundings, question())
    assert surroundings.asked == [(Moment.ADMISSION, "request-1")]


def test_an_unlabelled_or_a_misread_claim_is_answered_without_a_look_at_anything() -> None:
    surroundings = Fixed(EXISTS)
    unlabelled = body(metadata={"name": "orders"})
    answer = response(surroundings, question(unlabelled))
    assert answer["allowed"]
    assert "patch" not in answer
    wrong = body(metadata={"name": "orders", "labels": {contract.TIER_LABEL: "weekly"}})
    refused = response(surroundings, question(wrong))
    assert refused["status"]["code"] == 403
    assert "use daily or hourly" in refused["status"]["message"]
    assert not surroundings.asked


def test_a_store_that_gives_no_answer_is_a_refusal_that_may_be_tried_again_and_says_what_to_do() -> None:
    answer = response(Fixed(Unknown("no answer within 3 s")), question())
    assert not answer["allowed"]
    assert answer["status"]["code"] == 503
    assert "no answer within 3 s" in answer["status"]["message"]
    assert contract.SKIP_RESTORE_ANNOTATION in answer["status"]["message"]


def test_what_is_left_of_an_earlier_claim_is_a_conflict_that_passes() -> None:
    class Remains(Fixed):
        async def at_admission(self, claim: Claim, moment: Moment, nonce: str) -> World:
            seen = await super().at_admission(claim, moment, nonce)
            mover = Mover("volsync-src-x-abcde", contract.source("shop", "orders", "12345678", "local"))
            return replace(seen, movers=(mover,))

    answer = response(Remains(EXISTS), question())
    assert not answer["allowed"]
    assert answer["status"]["code"] == 409


@pytest.mark.parametrize(("query", "named"), [(b"", "0.05 s"), (b"timeout=30s", "0.05 s"), (b"timeout=junk", "0.05 s")])
def test_the_deadline_is_told_when_it_passes(query: bytes, named: str) -> None:
    answer = response(Fixed(EXISTS, after=asyncio.Event()), question(), query=query, deadline_s=0.05)
    assert not answer["allowed"]
    assert named in answer["status"]["message"]


def test_the_answer_comes_before_the_api_server_gives_up() -> None:
    answer = response(Fixed(EXISTS, after=asyncio.Event()), question(), query=b"timeout=1s", deadline_s=30)
    assert "within 0.5 s" in answer["status"]["message"]


def test_a_failure_of_our_own_is_a_refusal() -> None:
    answer = response(Fixed(RuntimeError("a bug with secret words")), question())
    assert not answer["allowed"]
    assert "RuntimeError" in answer["status"]["message"]
    assert "secret words" not in answer["status"]["message"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "no JSON"),
        (b"\xff", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        ([], "no AdmissionReview"),
        ({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1beta1"}, "v1beta1"),
        (question(uid=""), "no request with a uid"),
        (question(operation="UPDATE"), "match CREATE"),
        (question(resource={**RESOURCE, "resource": "pods"}), "match CREATE"),
        (question(subResource="status"), "match CREATE"),
        (question(object=None), "cannot be read"),
        (question(object={"metadata": {"labels": 3}}), "cannot be read"),
        (question(body(spec={"dataSourceRef": {"kind": "X"}})), "cannot be read"),
        (b'"' + b"x" * 4_000_000 + b'"', "more than"),
    ],
)
def test_a_body_that_asks_nothing_is_refused_with_its_reason(text: Any, said: str) -> None:
    status, answer = ask(Fixed(EXISTS), text)
    assert status == 400
    assert said in answer["message"]


def test_other_paths_and_verbs_are_refused() -> None:
    assert ask(Fixed(EXISTS), question(), path="/other")[0] == 404
    assert ask(Fixed(EXISTS), question(), method="GET")[0] == 405


def test_answers_are_counted_and_dry_runs_are_not() -> None:
    measures = Measures()
    sample = "firedrill_admission_answers_total"
    refused = {"moment": "admission", "allowed": "false", "reason": "BackupTruthUnknown"}
    response(Fixed(Unknown("away")), question(dryRun=True), measures=measures)
    assert measures.registry.get_sample_value(sample, refused) == 0
    response(Fixed(Unknown("away")), question(), measures=measures)
    assert measures.registry.get_sample_value(sample, refused) == 1


def test_the_patch_changes_nothing_that_is_right_already() -> None:
    item = body(metadata={"name": "orders", "annotations": {"a/b~c": "1", "gone": "x"}})
    assert review.patch(Mutation({"a/b~c": "1"}, Source.KEEP), item) == []
    assert review.patch(Mutation({"a/b~c": "2", "gone": None, "never": None}, Source.CLEAR), item) == [
        {"op": "add", "path": "/metadata/annotations/a~1b~0c", "value": "2"},
        {"op": "remove", "path": "/metadata/annotations/gone"},
    ]


def test_a_data_source_takes_the_place_of_whatever_the_claim_came_with() -> None:
    old = {"apiGroup": "volsync.backube", "kind": "ReplicationDestination", "name": "old"}
    item = body(spec={"dataSource": old, "dataSourceRef": old})
    operations = review.patch(Mutation({}, DataSource("volsync.backube", "ReplicationDestination", "new")), item)
    encoded = base64.b64encode(json.dumps(operations).encode()).decode()
    assert patched(item, {"patch": encoded})["spec"] == {"dataSourceRef": {**old, "name": "new"}}
