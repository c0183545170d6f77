"""How it is written down that a volume holds what it should, and what a person can do where that cannot be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller import contract, say, stamp
from controller.contract import Reason
from controller.lifecycle import Stage
from controller.model import Annotate

if TYPE_CHECKING:
    from controller.branch import Branch
    from controller.model import Claim, Decision


def settle(branch: Branch, claim: Claim, how: str, message: str) -> Decision:
    """Mark that the volume holds what it should. Nothing else is written with it: the mark must be there first."""
    writes = (Annotate(claim.uid or "", stamp.settled(claim.uid or "", how)),)
    return say.again(branch, Stage.PROTECTED, Reason.CONVERGING, message, writes)


def cure(claim: Claim) -> str:
    """What to type."""
    return (
        "No backup is made of it. Delete the claim and apply it again to have it restored; or, if you have looked and "
        f"it holds what it should: kubectl -n {claim.namespace} annotate pvc {claim.name} "
        f"'{contract.ACCEPT_VOLUME_ANNOTATION}={claim.uid} <why>'"
    )
