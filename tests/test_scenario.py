"""Which form of a scenario is asked of which engine, and what a scenario needs of the cluster."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from e2e.test_crash_points import CRASHES
from fixtures.components.python_packages import IMAGE_PYTHON, with_all_they_need
from fixtures.engines import Store, Trait
from fixtures.engines.reference import ReferenceEngine
from fixtures.engines.static import StaticEngine
from fixtures.scenario import Scenario
from fixtures.steps.losses import LoseCluster
from fixtures.steps.upsets import StopStore

SUITES = Path(__file__).parent.parent / "e2e"
SCENARIOS_PAGE = SUITES.parent / "docs" / "scenarios.md"
PLAIN = Scenario(id="SC-03", name="plain", given=(), when=(), then=())
KEPT = Trait.KEEPS_ITS_DESTINATION


def engine(*traits: Trait) -> Any:
    return SimpleNamespace(name="some", promises=frozenset({"SC-03"}), traits=frozenset(traits))


def test_a_scenario_is_asked_of_engines_that_promise_it() -> None:
    assert PLAIN.why_not_of(engine()) is None
    assert "does not promise SC-99" in str(replace(PLAIN, id="SC-99").why_not_of(engine()))


def test_a_form_for_a_trait_is_asked_of_engines_with_it_and_its_counterpart_of_all_others() -> None:
    with_it, without_it = replace(PLAIN, only_with=KEPT), replace(PLAIN, only_without=KEPT)
    assert with_it.why_not_of(engine(KEPT)) is None
    assert without_it.why_not_of(engine()) is None
    assert KEPT.value in str(with_it.why_not_of(engine()))
    assert KEPT.value in str(without_it.why_not_of(engine(KEPT)))


def test_whoever_stops_a_store_or_takes_the_cluster_apart_needs_it_alone() -> None:
    store, cluster = replace(PLAIN, when=(StopStore(Store.LOCAL),)), replace(PLAIN, when=(LoseCluster(),))
    assert (store.needs_cluster_alone, store.needs_whole_cluster) == (True, False)
    assert (cluster.needs_cluster_alone, cluster.needs_whole_cluster) == (True, True)
    assert not PLAIN.needs_cluster_alone
    assert replace(PLAIN, upsets_others=True).needs_cluster_alone


def test_an_image_gets_what_its_packages_need_for_its_own_interpreter() -> None:
    found = with_all_they_need("aiohttp", "uvicorn")
    assert found[0] == "aiohttp"
    assert {"multidict", "yarl", "idna", "h11", "click", "uvicorn"} <= set(found)
    assert "async-timeout" not in found, f"that is for interpreters before {IMAGE_PYTHON}"
    assert len(found) == len(set(found))


def test_what_is_not_asked_of_an_engine_is_said_by_its_promises_and_not_in_mid_drill() -> None:
    """A drill that was begun and then skipped would be told of as one that ended without an answer."""
    promised = {engine: {*engine.promises} for engine in (ReferenceEngine, StaticEngine)}
    assert CRASHES.needs in promised[ReferenceEngine]
    assert CRASHES.needs not in promised[StaticEngine]
    for path in sorted(Path(__file__).parents[1].joinpath("e2e").glob("test_*.py")):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef) and "drill" in [each.arg for each in function.args.args]:
                assert "pytest.skip(" not in ast.unparse(function), f"{path}: {function.name}"


def test_the_page_of_scenarios_names_each_with_its_file_and_no_other() -> None:
    told = {
        (number, file)
        for row in re.findall(
            r"^\| (SC-\d\d(?:, SC-\d\d)*) \|[^|]+\| ([^|]+) \|$", SCENARIOS_PAGE.read_text(), re.MULTILINE
        )
        for number in row[0].split(", ")
        for file in re.findall(r"`(test_\w+\.py)`", row[1])
    }
    there = {
        (number, file.name)
        for file in SUITES.glob("test_*.py")
        for number in re.findall(r'^    id="(SC-\d\d)",$', file.read_text(), re.MULTILINE)
    }
    assert {number for number, _ in told} == {number for number, _ in there}
    assert {file for _, file in told} == {file for _, file in there}
    assert there <= told, "a scenario stands in a file that its row does not name"
