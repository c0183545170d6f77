"""SC-27, E22, E23: each alert fires after its time, not before, and clears; by Prometheus' own tester of rules.

The series are what our processes really export in each state, as a scrape would store them; VolSync's are as its source
has them.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from clusters import promtool
from controller import intent, newest, standing_by
from controller.admission.measures import Measures as AdmissionMeasures
from controller.contract import Reason, Repo
from controller.loop.measures import Measures as LoopMeasures
from controller.model import Kind, Moment, Unknown
from controller.newest import Newest
from controller.stalls import AwaitedSnapshot, Stall
from tests.controller import scene
from tests.controller.scene import (
    ABSENT,
    ANNOUNCED,
    EXISTS,
    HOUR,
    NOW,
    POINTS,
    SETTINGS,
    STANDBY,
    admitted,
    claim,
    decision,
    image_of,
    protecting,
    settled_claim,
    world,
)
from tests.controller.test_deploy import DEPLOY, VOLSYNC_METRICS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from controller.model import World

PROMTOOL: Final = promtool.find()
pytestmark = [
    pytest.mark.built,
    pytest.mark.skipif(PROMTOOL is None, reason="no promtool; as root on Debian: python -m fixtures prepare"),
]

Series = dict[str, float]  # `name{labels}` to value, at one scrape
SPEC: Final = yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["spec"]
RULES: Final = {rule["alert"]: rule for group in SPEC["groups"] for rule in group["rules"]}
CLAIM: Final = {"namespace": "shop", "claim": "orders"}
WELL_FOR: Final = 10  # minutes, before and after what is wrong
DAY_S: Final = 86_400


# --- what is scraped -------------------------------------------------------------------------------------------------


def scraped(registry: Any, job: str) -> Series:
    """What Prometheus stores of this registry, with the labels of the target."""
    found: Series = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            labels = {**sample.labels, "job": job, "instance": "10.0.0.7:8080"}
            found[series(sample.name, labels)] = sample.value
    return found


def series(name: str, labels: Mapping[str, str]) -> str:
    written = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    return f"{name}{{{written}}}"


def volsync(out_of_sync: int = 0) -> Series:
    labels = {"obj_name": "orders-local", "obj_namespace": "shop", "role": "source", "method": "restic"}
    [(name, known)] = VOLSYNC_METRICS.items()
    assert labels.keys() == known
    return {series(name, {**labels, "job": "volsync"}): out_of_sync}


def reconciling(seen: World | None = None, failures: int = 0) -> Series:
    measures = LoopMeasures(lambda: 0)
    seen = seen or world(settled_claim(), EXISTS, children=protecting())
    reading = intent.NotOurs() if seen.claim is None else intent.read(seen.claim, SETTINGS)
    measures.decided(seen, decision(seen), standing_by.behind_s(reading, seen))
    for _ in range(failures):
        measures.failed()
    return scraped(measures.registry, "reconcile")


def serving(*refused: Reason, ends_in_days: int = 60) -> Series:
    measures = AdmissionMeasures()
    measures.serves_until(datetime.fromtimestamp(0, UTC) + timedelta(days=ends_in_days))  # Prometheus' test begins then
    measures.answered(Moment.ADMISSION, Reason.RESTORING.value, 0.01, allowed=True)
    for reason in refused:
        measures.answered(Moment.ADMISSION, reason.value, 0.01, allowed=False)
    return scraped(measures.registry, "serve")


WELL: Final = {**volsync(), **reconciling(), **serving()}


def without(job: str) -> Series:
    return {name: value for name, value in WELL.items() if f'job="{job}"' not in name}


def late_sources() -> tuple[Any, ...]:
    return tuple(replace(each, created_at=NOW - 9 * HOUR) for each in protecting())


def stalled() -> World:
    [source] = [each for each in protecting() if each.kind is Kind.SOURCE]
    stall = Stall(source.name, (AwaitedSnapshot("s", NOW - HOUR, "orders", taken_up=False),))
    return world(settled_claim(), EXISTS, children=protecting(), stalls=(stall,))


def behind() -> World:
    """Of a claim that asks for an image of its newest restore point there is one of an older."""
    of, image = settled_claim(STANDBY), scene.standing_by(POINTS[0])
    return world(of, EXISTS, children=(*protecting(of), image, scene.standby()), snapshots=(image_of(image),))


def rolled_back() -> World:
    gone = Newest("f" * 64, NOW, "then")
    noted = settled_claim(newest.written("uid-1", {Repo.LOCAL: gone}))
    return world(noted, EXISTS, children=protecting(), lost={Repo.LOCAL: gone})


# --- when it fires ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """Minute by minute: what is wrong (by how many minutes it has been), when that is told, and when not any more."""

    alert: str
    severity: str
    quiet_minutes: int  # this long after it has begun nothing is told yet
    fires_after_minutes: int
    clears_after_minutes: int  # after it was put right
    wrong: Callable[[int], Series]
    labels: Mapping[str, str] = field(default_factory=dict)
    value: str = "1"

    def __str__(self) -> str:
        return self.alert


def after(alert: str, severity: str, minutes: int, wrong: Series, labels: Mapping[str, str] | None = None) -> Case:
    """One that is told when something has been wrong for so many minutes, and at once no more when it is well."""
    return Case(alert, severity, minutes - 1, minutes, 0, lambda _: wrong, labels or {})


def seen_as(seen: World) -> Series:
    return {**without("reconcile"), **reconciling(seen)}


CASES: Final = (
    after("VolSyncComponentAbsent", "critical", 15, without("volsync")),
    after(
        "VolSyncVolumeOutOfSync",
        "critical",
        15,
        {**WELL, **volsync(1)},
        {"obj_namespace": "shop", "obj_name": "orders-local", "role": "source"},
    ),
    after(
        "FiredrillBackupTruthUnknown",
        "critical",
        15,
        seen_as(world(claim(), Unknown("away"))),
        {"repository": "local"},
    ),
    after(
        "FiredrillNeverBackedUp",
        "critical",
        5,
        seen_as(world(settled_claim(), ANNOUNCED, children=late_sources())),
        CLAIM,
    ),
    after(
        "FiredrillBackupOverdue",
        "critical",
        5,
        seen_as(world(settled_claim(), replace(EXISTS, at=NOW - 8 * HOUR), children=late_sources())),
        CLAIM,
    ),
    after("FiredrillRestorePointsLost", "critical", 5, seen_as(rolled_back()), CLAIM),
    after("FiredrillStorageFault", "critical", 10, seen_as(stalled()), CLAIM),
    after("FiredrillBackupsBlocked", "critical", 5, seen_as(world(claim(), EXISTS)), CLAIM),
    after(
        "FiredrillNeedsAttention",
        "warning",
        30,
        seen_as(world(settled_claim(), EXISTS, platform=("VolSync is missing",))),
        {**CLAIM, "branch": "61"},
    ),
    after("FiredrillWaiting", "warning", 60, seen_as(world(admitted(ABSENT))), {**CLAIM, "reason": "Waiting"}),
    after("FiredrillStandbyNotFresh", "warning", 60, seen_as(behind()), CLAIM),
    Case(
        "FiredrillClaimRefused",
        "warning",
        -1,
        1,
        16,
        lambda _: {**without("serve"), **serving(Reason.UNDECIDED)},
        {"reason": "BackupTruthUnknown"},
    ),
    after("FiredrillWebhooksAbsent", "critical", 5, without("serve")),
    after("FiredrillControllerAbsent", "critical", 10, without("reconcile")),
    Case(
        "FiredrillControllerFailing",
        "warning",
        15,
        25,
        15,
        lambda minute: {**without("reconcile"), **reconciling(failures=3 * (minute + 1))},
        {"job": "reconcile", "instance": "10.0.0.7:8080"},
    ),
    after("FiredrillCertificateNearEnd", "critical", 60, {**without("serve"), **serving(ends_in_days=10)}),
)


def timeline(case: Case) -> tuple[list[Series], int]:
    """What is scraped each minute, and the minute from which all is well again."""
    wrong = [case.wrong(minute) for minute in range(case.fires_after_minutes + 3)]
    # What was counted stays counted.
    counted = {name: value for name, value in wrong[-1].items() if "_total{" in name}
    healed = {**WELL, **counted}
    return [*[WELL] * WELL_FOR, *wrong, *[healed] * (case.clears_after_minutes + WELL_FOR)], WELL_FOR + len(wrong)


def values(scrapes: Sequence[Series], name: str) -> str:
    """As promtool writes them. A series that a scrape does not show any more is marked as ended, as Prometheus does."""
    told: list[str] = []
    for number, scrape in enumerate(scrapes):
        if name in scrape:
            told.append(str(scrape[name]))
        else:
            told.append("stale" if number and name in scrapes[number - 1] else "_")
    return " ".join(told)


def rendered(text: str, case: Case) -> str:
    """An annotation as Prometheus fills it in. Raises KeyError for a label that the alert does not have."""
    labelled = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda found: case.labels[found[1]], text)
    return labelled.replace("{{ $value }}", case.value)


def checks(case: Case) -> list[dict[str, Any]]:
    """What is expected, and when: of this alert all of it, of all others that they are quiet while all is well."""
    rule = RULES[case.alert]
    told = {
        "exp_labels": {**case.labels, "severity": case.severity},
        "exp_annotations": {name: rendered(text, case) for name, text in rule["annotations"].items()},
    }
    _, well_again = timeline(case)

    def at(minute: int, alert: str, expected: list[Any]) -> dict[str, Any]:
        return {"eval_time": f"{minute}m", "alertname": alert, "exp_alerts": expected}

    begins = WELL_FOR
    return [
        *(at(WELL_FOR - 1, alert, []) for alert in RULES),
        at(begins + case.quiet_minutes, case.alert, []),
        at(begins + case.fires_after_minutes, case.alert, [told]),
        at(well_again + case.clears_after_minutes, case.alert, []),
    ]


def judged(tmp_path: Path, spec: Mapping[str, Any], case: Case) -> subprocess.CompletedProcess[str]:
    """What promtool says of these rules in this case."""
    assert PROMTOOL is not None
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(dict(spec)))
    scrapes, _ = timeline(case)
    names = sorted({name for scrape in scrapes for name in scrape})
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values(scrapes, name)} for name in names],
        "alert_rule_test": checks(case),
    }
    file = tmp_path / "test.yaml"
    file.write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [test]}))
    return subprocess.run([PROMTOOL, "test", "rules", file], capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_alert_fires_after_its_time_and_not_before_and_clears(case: Case, tmp_path: Path) -> None:
    done = judged(tmp_path, SPEC, case)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case() -> None:
    assert [case.alert for case in CASES] == list(RULES)


@pytest.mark.parametrize("minutes", [14, 16])
def test_an_alert_that_fires_too_early_or_too_late_is_noticed(minutes: int, tmp_path: Path) -> None:
    [case] = [case for case in CASES if case.alert == "VolSyncVolumeOutOfSync"]
    changed = {**RULES[case.alert], "for": f"{minutes}m"}
    rules = [changed if rule["alert"] == case.alert else rule for rule in RULES.values()]
    assert judged(tmp_path, {"groups": [{"name": "all", "rules": rules}]}, case).returncode == 1


def test_the_rules_are_such_as_prometheus_loads(tmp_path: Path) -> None:
    assert PROMTOOL is not None
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump(SPEC))
    done = subprocess.run([PROMTOOL, "check", "rules", file], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(RULES)} rules found" in done.stdout


def test_a_refusal_for_what_passes_by_itself_tells_nobody(tmp_path: Path) -> None:
    [case] = [case for case in CASES if case.alert == "FiredrillClaimRefused"]
    passing = replace(case, wrong=lambda _: {**without("serve"), **serving(Reason.CONVERGING)})
    done = judged(tmp_path, SPEC, passing)
    assert done.returncode == 1
    assert "got:[]" in done.stderr.replace(" ", "")
