"""From an AdmissionReview of the API server to the claim that it asks about, and from a decision to the answer.

As of admission.k8s.io/v1 (k8s.io/api/admission/v1/types.go).
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, assert_never

from controller.cluster.claims import claim_from
from controller.contract import Reason
from controller.model import Answer, DataSource, Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from controller.model import Claim, Decision, Mutation, Object

API_VERSION: Final = "admission.k8s.io/v1"
_CLAIMS: Final = {"group": "", "version": "v1", "resource": "persistentvolumeclaims"}
_FORBIDDEN: Final = (403, "Forbidden")
_UNAVAILABLE: Final = (503, "ServiceUnavailable")
# For these the same claim is admitted later, without a change by its owner: a client may try again by itself. What is
# left of an earlier claim goes within seconds, a store may be away for long.
_PASSING: Final = {Reason.CONVERGING: (409, "Conflict"), Reason.UNDECIDED: _UNAVAILABLE}


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: about which claim, as it is now in the chain of admission. `body` is the claim itself."""

    uid: str
    claim: Claim
    body: Object
    is_dry_run: bool


class Unreadable(ValueError):
    """A body that is no question about a claim that is being created; says why."""


def read(body: bytes) -> Request:
    """The question in the body of a request. Raises `Unreadable`."""
    try:
        review = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"the body is no JSON: {error}") from error
    if not isinstance(review, dict) or review.get("kind") != "AdmissionReview":
        raise Unreadable("the body is no AdmissionReview")
    if review.get("apiVersion") != API_VERSION:
        raise Unreadable(f"AdmissionReview has version {review.get('apiVersion')!r}, and {API_VERSION} is understood")
    request = review.get("request")
    if not isinstance(request, dict) or not isinstance(request.get("uid"), str) or not request["uid"]:
        raise Unreadable("AdmissionReview has no request with a uid")
    if request.get("resource") != _CLAIMS or request.get("operation") != "CREATE" or request.get("subResource"):
        asked = f"{request.get('operation')} of {request.get('resource')}"
        raise Unreadable(f"asked about {asked}; make the webhook match CREATE of persistentvolumeclaims alone")
    item: Any = request.get("object")
    try:
        # What is being created has no uid yet; at validation the API server has dealt it out, and stores it next.
        claim = replace(claim_from(item), namespace=str(request["namespace"]), uid=None)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Unreadable(f"the claim cannot be read: {type(error).__name__}: {error}") from error
    return Request(request["uid"], claim, item, is_dry_run=request.get("dryRun") is True)


def answer(request: Request, decision: Decision) -> Object:
    """The AdmissionReview that tells a decision."""
    outcome = decision.outcome
    # In the API server's audit log: which branch, and why in one word.
    told = {"branch": str(decision.branch.value), "reason": outcome.reason.value}
    if outcome.answer is not Answer.ALLOW:
        code, reason = _PASSING.get(outcome.reason, _FORBIDDEN)
        return refusal(request, outcome.message, code=code, reason=reason, told=told)
    response: dict[str, Any] = {"uid": request.uid, "allowed": True, "auditAnnotations": told}
    if decision.mutation is not None and (operations := patch(decision.mutation, request.body)):
        response |= {"patchType": "JSONPatch", "patch": base64.b64encode(json.dumps(operations).encode()).decode()}
    return _review(response)


def refusal(
    request: Request,
    message: str,
    *,
    code: int = _UNAVAILABLE[0],
    reason: str = _UNAVAILABLE[1],
    told: Mapping[str, str] | None = None,
) -> Object:
    """The AdmissionReview that refuses a claim: what, why, and what to do. By default one that may be tried again."""
    status = {"status": "Failure", "code": code, "reason": reason, "message": message}
    return _review({"uid": request.uid, "allowed": False, "status": status, "auditAnnotations": dict(told or {})})


def patch(mutation: Mutation, body: Object) -> list[Object]:
    """The mutation as a JSON Patch (RFC 6902) of the claim; empty if the claim is so already."""
    present = body.get("metadata", {}).get("annotations")
    operations: list[Object] = []
    if present is None and any(text is not None for text in mutation.annotations.values()):
        operations.append({"op": "add", "path": "/metadata/annotations", "value": {}})
    for name, text in mutation.annotations.items():
        path = f"/metadata/annotations/{_escaped(name)}"
        if text is None:
            operations += [{"op": "remove", "path": path}] if name in (present or {}) else []
        elif (present or {}).get(name) != text:
            operations.append({"op": "add", "path": path, "value": text})
    return operations + _patch_of_source(mutation.source, body.get("spec", {}))


def _patch_of_source(source: DataSource | Source, spec: Object) -> list[Object]:
    removed: list[Object] = [
        {"op": "remove", "path": f"/spec/{field}"} for field in ("dataSource", "dataSourceRef") if field in spec
    ]
    match source:
        case Source.KEEP:
            return []
        case Source.CLEAR:
            return removed
        case DataSource(group, kind, name):
            value = {"apiGroup": group, "kind": kind, "name": name}
            return [*removed, {"op": "add", "path": "/spec/dataSourceRef", "value": value}]
        case _:
            assert_never(source)


def _escaped(name: str) -> str:
    """A member of a JSON Pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def _review(response: Object) -> Object:
    return {"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response}
