"""Providers and the machine beneath them, as far as that needs no cluster."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import fixtures.__main__
from clusters import docker, host, kindconfig, paths, versions
from clusters.api import Api
from clusters.cluster import Health
from clusters.command import CommandFailed, run, run_logged
from clusters.existing import ExistingCluster
from clusters.images import build
from clusters.images.podnet import podnet
from clusters.kind import KindCluster, KindOptions
from clusters.lock import ClusterLock
from clusters.problem import Problem
from clusters.progress import Progress
from fixtures import stack

if TYPE_CHECKING:
    from collections.abc import Callable

WRAPPER = Path(host.__file__).with_name("runc-wrapper.sh")


# --- the configuration of kind ----------------------------------------------------------------------------------------


def test_every_node_sees_the_shared_folder() -> None:
    config = _config("v1.36.3")
    assert [node["role"] for node in config["nodes"]] == ["control-plane", "worker", "worker"]
    assert {node["extraMounts"][0]["containerPath"] for node in config["nodes"]} == {"/var/lib/firedrill"}


def test_mutating_admission_policies_are_asked_for_where_they_are_not_the_default() -> None:
    assert _config("v1.34.4")["featureGates"] == {"MutatingAdmissionPolicy": True}
    assert "featureGates" not in _config("v1.36.3")


def test_a_lost_node_is_noticed_quickly() -> None:
    patches = [yaml.safe_load(text) for text in _config("v1.36.3")["kubeadmConfigPatches"]]
    [settings] = [p for p in patches if p["kind"] == "ClusterConfiguration"]
    assert settings["controllerManager"]["extraArgs"]["node-monitor-grace-period"] == "16s"


def _config(kubernetes: str) -> dict[str, Any]:
    text = kindconfig.render(name="c", kubernetes=kubernetes, store=Path("/x"), workers=2)
    config: dict[str, Any] = yaml.safe_load(text)
    return config


@pytest.mark.parametrize("name", ["", "..", "a/b", "My_Cluster", "-x", "a" * 50])
def test_a_name_that_cannot_be_a_clusters_is_refused_before_anything_is_done(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["fixtures", "down", f"--cluster={name}"])
    monkeypatch.setattr(fixtures.__main__, "down", lambda _: pytest.fail("it was begun"))
    assert fixtures.__main__.main() == Problem.EXIT_CODE
    assert f"{name!r} cannot be the name of a cluster" in capsys.readouterr().err


# --- a kind cluster, on a Docker that is played -----------------------------------------------------------------------


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """What was said to a Docker that has one node, whose shared folder is named in `tmp_path`/source.

    The node stands still. The stores are named in `tmp_path`/stores, and have volumes that cannot be removed.
    """
    (tmp_path / "stores").touch()
    mount = f'{{"Destination": "{kindconfig.NODE_STORE}", "Source": "\'$(cat {tmp_path}/source)\'"}}'
    state = '"State": {"Status": "exited"}'
    labels = '{"dev.firedrill.store": "\'${3%-store-*}\'"}'
    answers = [
        f'echo "$*" >>{tmp_path}/said',
        'case "$1 $2" in',
        f'  ps*) case "$*" in *dev.firedrill*) cat {tmp_path}/stores ;; *) echo c-control-plane ;; esac ;;',
        f'  "container inspect") echo \'[{{{state}, "Mounts": [{mount}], "Config": {{"Labels": {labels}}}}}]\' ;;',
        f'  "volume inspect") echo "no such volume" >&2; grep -q "$3" {tmp_path}/stores && echo "[{{}}]" ;;',
        '  "volume rm") exit 1 ;;',
        '  "image ls") printf "firedrill/node:v1\\t2026-01-01 00:00:00 +0000 UTC\\n" ;;',
        "esac",
    ]
    _script(tmp_path / "bin" / "docker", "\n".join(answers))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return lambda: (tmp_path / "said").read_text().splitlines()


def _cluster(images: object = None) -> KindCluster:
    forgetful: Any = SimpleNamespace(forget_all=lambda _: None)
    told: Any = images
    return KindCluster(KindOptions("c", told, 2, forgetful))


def test_a_cluster_is_taken_down_without_anything_that_would_have_to_be_built(
    tmp_path: Path, said: Callable[[], list[str]]
) -> None:
    cluster = _cluster()
    (tmp_path / "source").write_text(str(cluster.store))
    cluster.down()
    assert "rm --force --volumes c-control-plane" in said()


def test_no_node_is_made_where_the_disk_has_no_room_for_it(
    tmp_path: Path, said: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    _script(tmp_path / "bin" / "docker", f"echo $1 >>{tmp_path}/said")
    monkeypatch.setattr(host, "_raise_inotify", lambda: None)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2**30))
    source = SimpleNamespace(node_image=lambda: "node:v1", versions=SimpleNamespace(kubernetes="v1.36.3"))
    with pytest.raises(Problem, match=r"1\.0 GiB free at .*, 5 GiB wanted"):
        _cluster(source).up()
    assert set(said()) == {"version", "ps", "info"}


def test_a_node_is_waited_for_whatever_it_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    answers = iter([Health(ok=False, why="node container-test-worker is not Ready"), Health(ok=True)])
    monkeypatch.setattr(KindCluster, "health", lambda _: next(answers))
    monkeypatch.setattr(time, "sleep", lambda _: None)
    assert _cluster()._wait_settled(60).ok


def test_a_cluster_whose_containers_stand_still_is_not_waited_for(
    tmp_path: Path, said: Callable[[], list[str]]
) -> None:
    (tmp_path / "source").write_text("/x")
    health = _cluster()._wait_settled(60)
    assert health.why == "the container c-control-plane is exited"
    assert said().count("container inspect c-control-plane") == 1


@pytest.mark.parametrize("command", [KindCluster.up, KindCluster.down])
def test_a_cluster_of_that_name_which_somebody_else_made_is_never_touched(
    tmp_path: Path, said: Callable[[], list[str]], command: Callable[[KindCluster], None]
) -> None:
    (tmp_path / "source").write_text("/theirs")
    with pytest.raises(Problem, match="a kind cluster named c that firedrill did not make") as refused:
        command(_cluster())
    assert "CLUSTER=NAME" in refused.value.remedy
    assert {line.split()[0] for line in said()} == {"version", "ps", "container"}


def test_what_pods_wrote_as_root_is_named_to_a_user_who_cannot_remove_it(
    tmp_path: Path, said: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path, **_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(folder / "csi" / "nodes"))

    cluster = _cluster()
    cluster.store.mkdir(parents=True)
    (tmp_path / "source").write_text(str(cluster.store))
    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(Problem, match="cannot be removed by this user") as refused:
        cluster.down()
    assert f"sudo rm -rf {cluster.store}" in refused.value.remedy
    assert "rm --force --volumes c-control-plane" in said()


def test_cleaning_takes_every_cluster_down_before_anything_of_the_cache_goes(
    tmp_path: Path, said: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "source").write_text(str(_cluster().store))
    for file in BUILT:
        _touch(paths.cache() / file)
    monkeypatch.setattr(sys, "argv", ["fixtures", "clean"])
    assert fixtures.__main__.main() == 0
    assert said().index("rm --force --volumes c-control-plane") < said().index("image rm firedrill/node:v1")
    assert {file.suffix for file in paths.cache().rglob("*") if file.is_file()} == {".lock"}


BUILT = ("clusters/c/kubeconfig", "go-built/x", "go/mod/y", "build-times.json")


def _touch(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()


@pytest.mark.parametrize("cluster", ["c", "theirs"])
def test_cleaning_waits_for_whoever_uses_a_cluster_and_lets_nobody_begin_before_it_is_done(
    tmp_path: Path, said: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch, cluster: str
) -> None:
    def forget() -> None:
        waiting.start()
        began_at_once.append(begun.wait(0.5))
        forgotten.set()

    def begin() -> None:
        with ClusterLock(cluster).run():
            begun.set()

    forgotten, begun, began_at_once = threading.Event(), threading.Event(), list[bool]()
    waiting = threading.Thread(target=begin)
    (tmp_path / "source").write_text(str(_cluster().store))
    _touch(paths.cache() / BUILT[0])
    monkeypatch.setattr(build, "forget_everything", forget)
    cleaning = threading.Thread(target=fixtures.__main__.clean, args=(versions.choose(),))
    with ClusterLock(cluster).run():
        cleaning.start()
        assert not forgotten.wait(0.5)
    cleaning.join(10)
    waiting.join(10)
    assert begun.is_set()
    assert began_at_once == [False]
    assert "rm --force --volumes c-control-plane" in said()


def test_the_locks_of_others_and_what_belongs_to_clusters_are_left_where_they_are(
    tmp_path: Path, said: Callable[[], list[str]]
) -> None:
    for file in BUILT:
        _touch(paths.cache() / file)
    with build.one_at_a_time():
        before = (paths.cache() / "build.lock").stat().st_ino
    build.forget_everything()
    assert said()
    assert (paths.cache() / "build.lock").stat().st_ino == before
    assert sorted(file.name for file in (tmp_path / "firedrill").rglob("*")) == [
        "build.lock", "c", "clusters", "kubeconfig",
    ]  # fmt: skip


def test_the_keys_of_a_store_stay_until_the_store_is_gone(tmp_path: Path, said: Callable[[], list[str]]) -> None:
    it = stack.on_kind("c", versions.choose())
    (tmp_path / "source").write_text(str(it.cluster.store))
    (tmp_path / "stores").write_text("c-store-local\n")
    for name in ("store-local.json", "run.lock"):
        _touch(paths.cluster_state("c") / name)
    with pytest.raises(Problem, match="removing the volume c-store-local"):
        it.down()
    assert "rm --force c-store-local" in said()
    assert paths.clusters() == ["c"]
    (tmp_path / "stores").write_text("")
    it.down()
    assert [file.name for file in paths.cluster_state("c").iterdir()] == ["run.lock"]


def test_cleaning_finds_a_store_of_which_nothing_else_is_left(
    tmp_path: Path, said: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "source").write_text(str(paths.cluster_state("gone") / "store"))
    (tmp_path / "stores").write_text("gone-store-offsite\n")
    monkeypatch.setattr(sys, "argv", ["fixtures", "clean"])
    assert fixtures.__main__.main() == Problem.EXIT_CODE  # its volume cannot be removed, which is said
    assert f"ps --all --filter label=dev.firedrill.cache={paths.cache()} --format {{{{.Names}}}}" in said()
    assert "rm --force gone-store-offsite" in said()


# --- the pod network --------------------------------------------------------------------------------------------------


def test_a_node_gets_a_route_to_every_other_node_that_has_a_range() -> None:
    nodes = [_node("a", "10.0.0.0/24", "1.1.1.1"), _node("b", "10.0.1.0/24", "1.1.1.2"), _node("c", None, "1.1.1.3")]
    assert podnet.routes_to_others(nodes, own="a") == {"10.0.1.0/24": "1.1.1.2"}


def test_addresses_of_pods_come_from_the_range_of_their_node() -> None:
    plugins = json.loads(podnet.conflist("10.0.1.0/24"))["plugins"]
    assert plugins[0]["ipam"]["ranges"] == [[{"subnet": "10.0.1.0/24"}]]


def _node(name: str, pod_cidr: str | None, address: str) -> dict[str, Any]:
    addresses = [{"type": "Hostname", "address": name}, {"type": "InternalIP", "address": address}]
    return {"metadata": {"name": name}, "spec": {"podCIDR": pod_cidr}, "status": {"addresses": addresses}}


# --- the runtime wrapper ----------------------------------------------------------------------------------------------


NEEDS_JQ = pytest.mark.skipif(shutil.which("jq") is None, reason="the wrapper needs jq; `make test` installs it")


@NEEDS_JQ
@pytest.mark.parametrize("command", ["create", "exec"])
def test_a_capability_that_the_machine_lacks_is_left_out_of_a_container(tmp_path: Path, command: str) -> None:
    process = {
        "capabilities": {"bounding": ["CAP_CHOWN", "CAP_SYS_RESOURCE"], "effective": ["CAP_SYS_RESOURCE"]},
        "oomScoreAdj": -1000,
    }
    file = tmp_path / ("config.json" if command == "create" else "process.json")
    file.write_text(json.dumps({"process": process} if command == "create" else process))
    arguments = ["--bundle", str(tmp_path)] if command == "create" else ["--process", str(file)]
    said = _wrapped(tmp_path, command, *arguments, "container")
    written = json.loads(file.read_text())
    seen = written["process"] if command == "create" else written
    assert seen["capabilities"] == {"bounding": ["CAP_CHOWN"], "effective": []}
    assert seen["oomScoreAdj"] == int(Path("/proc/self/oom_score_adj").read_text())
    assert said == f"{command} {' '.join(arguments)} container"


def test_other_commands_reach_runc_untouched(tmp_path: Path) -> None:
    assert _wrapped(tmp_path, "--root", "/r", "state", "container") == "--root /r state container"


def _wrapped(folder: Path, *arguments: str) -> str:
    runc = folder / "runc"
    runc.write_text('#!/bin/sh\necho "$@"\n')
    wrapper = folder / "wrapper"
    wrapper.write_text(WRAPPER.read_text().replace("@MISSING@", '["CAP_SYS_RESOURCE"]').replace("@RUNC@", str(runc)))
    for script in (runc, wrapper):
        script.chmod(0o755)
    return subprocess.run([wrapper, *arguments], capture_output=True, text=True, check=True).stdout.strip()


# --- the machine ------------------------------------------------------------------------------------------------------


def test_too_little_disk_is_said_with_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker, "root", lambda: Path("/"))
    with pytest.raises(Problem) as refused:
        host.require_disk(2**60, why="a test wants an exbibyte")
    assert "GiB free" in refused.value.what
    assert "1073741824 GiB wanted" in refused.value.what


@pytest.mark.parametrize(
    ("script", "named"),
    [("echo {}/moved", "moved"), ("exit 1", "default")],
    ids=["where it says", "where it is by default if it does not answer"],
)
def test_the_disk_that_docker_fills_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, named: str
) -> None:
    for folder in ("moved", "default"):
        (tmp_path / folder).mkdir()
    _script(tmp_path / "docker", script.format(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(docker, "_ROOT", str(tmp_path / "default"))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=0 if folder.name == named else 2**60))
    with pytest.raises(Problem, match=f"0.0 GiB free at {tmp_path / named}"):
        host.require_disk(2**30, why="a test wants it")


def test_docker_that_refuses_this_user_is_answered_with_the_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker, "elsewhere", lambda: "")
    monkeypatch.setattr(docker, "refusal", lambda: "permission denied while trying to connect")
    with pytest.raises(Problem, match="does not let this user in"):
        host.prepare()


def test_a_browser_for_the_tests_is_installed_once_and_only_where_it_is_a_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installed: list[str] = []
    monkeypatch.setattr(host, "install", installed.extend)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    packages = ["chromium", "fonts-dejavu-core"]
    for system, found, expected in (("ubuntu", None, []), ("debian", "/bin/x", []), ("debian", None, packages)):
        monkeypatch.setattr(host, "is_debian", lambda *, but_not, system=system: but_not != system)
        monkeypatch.setattr(shutil, "which", lambda _, found=found: found)
        host.install_browser()
        assert installed == expected, system


@pytest.mark.parametrize("cut_short", [True, False], ids=["cut short before", "whole before"])
def test_packages_are_installed_after_an_installation_that_was_cut_short_is_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, cut_short: bool
) -> None:
    journal = tmp_path / "updates"
    journal.mkdir()
    if cut_short:
        (journal / "0001").touch()
    for program in ("dpkg", "apt-get"):
        _script(tmp_path / "bin" / program, f'echo "{program} $1" >>{tmp_path}/asked')
    monkeypatch.setattr(host, "_DPKG_JOURNAL", journal)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    host.install(("jq",))
    completed = ["dpkg --configure"] if cut_short else []
    assert (tmp_path / "asked").read_text().splitlines() == [*completed, "apt-get update", "apt-get install"]


@pytest.mark.parametrize(
    ("there", "installed"),
    [
        ({"docker", "dockerd", "iptables"}, ["jq"]),
        (set(), ["docker.io", "iptables", "jq"]),
        ({"dockerd"}, ["iptables", "jq"]),
    ],
    ids=["an engine that stands still", "nothing", "an engine alone"],
)
def test_an_engine_that_is_there_is_started_and_no_other_one_put_in_its_place(
    monkeypatch: pytest.MonkeyPatch, there: set[str], installed: list[str]
) -> None:
    done: list[str] = []
    monkeypatch.setattr(docker, "refusal", lambda: "Cannot connect to the Docker daemon")
    monkeypatch.setattr(docker, "elsewhere", lambda: "")
    monkeypatch.setattr(shutil, "which", lambda program: program if program in there else None)
    monkeypatch.setattr(host, "is_debian", lambda: True)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(host, "install", done.extend)
    monkeypatch.setattr(host, "_configure_daemon", lambda: None)
    monkeypatch.setattr(host, "_launch_daemon", lambda: done.append("started"))
    monkeypatch.setattr(host, "_raise_inotify", lambda: None)
    host.prepare()
    assert done == [*installed, "started"]


@pytest.mark.parametrize(
    ("told", "context", "where"),
    [
        ("tcp://build:2376", "unix:///var/run/docker.sock", "tcp://build:2376"),
        ("", "ssh://build", "ssh://build"),
        ("", "unix:///var/run/docker.sock", ""),
        ("unix:///run/docker.sock", "", ""),
    ],
    ids=["by the environment", "by a context", "to nobody", "by another path of the socket"],
)
def test_a_daemon_elsewhere_that_does_not_answer_is_not_replaced_by_one_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, context: str, where: str
) -> None:
    _script(tmp_path / "docker", f'[ "$1" = context ] && echo {context} || {{ echo no answer >&2; exit 1; }}')
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("DOCKER_HOST", told)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Problem, match="no Docker daemon answers") as refused:
        host.prepare()
    assert refused.value.what.endswith(where or "answers")
    assert refused.value.why == "no answer"
    assert ("unset DOCKER_HOST" in refused.value.remedy) == bool(where)


def test_a_configuration_of_docker_that_cannot_be_read_is_named_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "daemon.json"
    config.write_text('{"debug": true,}')
    monkeypatch.setattr(host, "_DAEMON_CONFIG", config)
    monkeypatch.setattr(host, "_RUNTIME", tmp_path / "runc")
    monkeypatch.setattr(host, "missing_capabilities", lambda: ["CAP_SYS_RESOURCE"])
    monkeypatch.setattr(docker, "elsewhere", lambda: "")
    monkeypatch.setattr(docker, "refusal", lambda: "Cannot connect to the Docker daemon")
    monkeypatch.setattr(shutil, "which", lambda program: program)
    monkeypatch.setattr(host, "is_debian", lambda: True)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(Problem, match=r"daemon\.json is no JSON"):
        host.prepare()
    assert config.read_text() == '{"debug": true,}'


def test_missing_docker_is_answered_with_the_lines_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker, "elsewhere", lambda: "")
    monkeypatch.setattr(docker, "refusal", lambda: "Cannot connect to the Docker daemon")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Problem) as refused:
        host.prepare()
    assert "apt-get install docker.io" in refused.value.remedy


def test_a_machine_without_docker_gets_one_message_with_one_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Problem) as refused:
        host.prepare()
    assert refused.value.why == "there is no program docker"
    assert str(refused.value).count("do:") == 1


def test_a_virtual_environment_that_was_cut_short_is_made_again_and_the_interpreter_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("Makefile", "requirements.lock"):
        shutil.copy(paths.REPOSITORY / name, tmp_path)
    interpreter = _script(tmp_path / "interpreter", 'echo "ran: $*"')
    os.utime(interpreter, (0, 0))
    pip = _script(tmp_path / "pip", "exit 1")
    make_venv = f"mkdir -p .venv/bin; ln -sf {interpreter} .venv/bin/python; ln -sf {pip} .venv/bin/pip"
    _script(tmp_path / "bin" / "python3", f'case "$*" in "-m venv .venv") {make_venv} ;; esac')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    cut_short = subprocess.run(["make", "status"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "could not be installed" in cut_short.stdout
    assert "ran:" not in cut_short.stdout
    _script(pip, "exit 0")
    assert "ran: -m fixtures status" in subprocess.check_output(["make", "status"], cwd=tmp_path, text=True)
    assert "making" not in subprocess.check_output(["make", "status"], cwd=tmp_path, text=True)
    assert interpreter.stat().st_mtime == 0


@pytest.mark.parametrize("command", ["report", "judge"])
def test_a_command_about_a_run_says_how_to_name_it(tmp_path: Path, command: str) -> None:
    shutil.copy(paths.REPOSITORY / "Makefile", tmp_path)
    (tmp_path / "requirements.lock").touch()
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "complete").touch()
    done = subprocess.run(["make", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, f"make {command} RUN=runs/" in done.stdout) == (2, True)


def _script(file: Path, text: str) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


# --- an existing cluster ----------------------------------------------------------------------------------------------


def test_a_kubeconfig_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="cannot read the kubeconfig"):
        ExistingCluster(tmp_path / "nothing")


def test_a_kubeconfig_without_a_context_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text("apiVersion: v1\nkind: Config\n")
    with pytest.raises(Problem, match="no current context"):
        ExistingCluster(file)


def test_a_kubeconfig_that_points_nowhere_is_refused(tmp_path: Path) -> None:
    cluster = ExistingCluster(_nowhere(tmp_path))
    with pytest.raises(Problem, match="does not answer"):
        cluster.up()


def test_an_api_server_that_hangs_up_is_asked_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        file = _nowhere(tmp_path, f"http://127.0.0.1:{server.getsockname()[1]}")
        asked: list[bytes] = []
        listener = threading.Thread(target=_hang_up, args=(server, asked))
        listener.start()
        health = Api(file, "nowhere").health()
        server.shutdown(socket.SHUT_RDWR)
        listener.join()
    assert "does not answer" in health.why
    assert len(asked) == 1


def _hang_up(server: socket.socket, asked: list[bytes]) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = server.accept()
            with connection:
                asked.append(connection.recv(1024))


def test_a_context_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="no usable context other"):
        ExistingCluster(_nowhere(tmp_path), "other").up()


@pytest.mark.parametrize("text", ["{a: [", "- a list"], ids=["no YAML", "YAML of another form"])
def test_a_file_that_is_no_kubeconfig_is_refused_although_the_context_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(text)
    with pytest.raises(Problem, match="no usable context any"):
        ExistingCluster(file, "any").up()


def test_the_machines_of_an_existing_cluster_are_not_touched(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="cannot stop the node n of"):
        ExistingCluster(_nowhere(tmp_path)).stop_node("n")


def _nowhere(folder: Path, server: str = "http://127.0.0.1:1") -> Path:
    file = folder / "kubeconfig"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "nowhere",
        "contexts": [{"name": "nowhere", "context": {"cluster": "nowhere", "user": "nobody"}}],
        "clusters": [{"name": "nowhere", "cluster": {"server": server}}],
        "users": [{"name": "nobody", "user": {}}],
    }
    file.write_text(yaml.safe_dump(config))
    return file


# --- commands, progress, locks ----------------------------------------------------------------------------------------


def test_a_command_that_fails_gives_its_own_words() -> None:
    with pytest.raises(CommandFailed) as failed:
        run(["sh", "-c", "echo because >&2; exit 3"], what="trying")
    assert failed.value.exit_code == 3
    assert "because" in str(failed.value)


def test_a_logged_command_that_fails_names_its_log(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed) as failed:
        run_logged(["sh", "-c", "echo deep inside; exit 1"], what="trying", log=tmp_path / "a.log")
    assert "deep inside" in failed.value.why
    assert "a.log" in failed.value.remedy


def test_a_program_that_does_not_exist_is_a_problem() -> None:
    with pytest.raises(Problem, match="there is no program firedrill-no-such-program"):
        run(["firedrill-no-such-program"], what="trying")


def test_progress_says_which_step_of_how_many() -> None:
    out = io.StringIO()
    progress = Progress("building", 2, out=out)
    with progress.step("one"):
        pass
    with progress.step("two"):
        pass
    assert [line.split(" ...")[0] for line in out.getvalue().splitlines() if line.endswith("...")] == [
        "building [1/2] one",
        "building [2/2] two",
    ]


def test_a_whole_cluster_drill_waits_for_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    script = "from clusters.lock import ClusterLock\nwith ClusterLock('c').exclusive(): print('alone')"
    with ClusterLock("c").shared():
        other = subprocess.Popen(
            [sys.executable, "-c", script],
            stdout=subprocess.PIPE,
            text=True,
            cwd=paths.REPOSITORY,
        )
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(1)
    assert other.communicate(timeout=10)[0] == "alone\n"


def test_a_second_run_waits_for_the_first_and_says_so_and_one_on_another_cluster_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    script = "import sys\nfrom clusters.lock import ClusterLock\nwith ClusterLock(sys.argv[1]).run(): print('mine')"

    def another(cluster: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", script, cluster],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=paths.REPOSITORY,
        )

    with ClusterLock("c").run():
        assert another("d").communicate(timeout=60)[0] == "mine\n"
        second = another("c")
        assert second.stdout is not None
        # Comes while the first one holds the cluster, however long the second takes to start.
        assert "another run uses the cluster c; waiting for it to let go" in second.stdout.readline()
    assert second.communicate(timeout=60)[0] == "mine\n"


@pytest.mark.parametrize("command", ["up", "down"])
def test_a_cluster_is_not_changed_between_two_drills_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    done = threading.Event()
    it: Any = SimpleNamespace(cluster=SimpleNamespace(name="c", kubeconfig="k"), up=done.set, down=done.set)
    other = threading.Thread(target=getattr(fixtures.__main__, command), args=(it,))
    with ClusterLock("c").run():
        other.start()
        assert not done.wait(0.5)
    other.join(10)
    assert done.is_set()
