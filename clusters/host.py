"""What the machine itself needs before there can be a cluster: Docker that answers, disk, inotify limits.

Where Docker is missing, the machine is Debian or Ubuntu and the user is root, it is installed and started, and this is
said. Everywhere else firedrill stops with the lines to type.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from clusters import docker, paths
from clusters.command import run_logged
from clusters.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

ENGINE = {"docker.io": "dockerd", "iptables": "iptables", "jq": "jq"}
TOOLS = {"debootstrap": "debootstrap", "jq": "jq", "xfsprogs": "mkfs.xfs"}
"""Debian packages: Docker with what it needs, and what is used beside it. The program of each shows its presence."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
"""Programs that show the report in a test; any of them does."""
DISK_PEAK_BYTES = 25 * 2**30
DISK_REST_BYTES = 8 * 2**30
DISK_CLUSTER_BYTES = 5 * 2**30
"""What the nodes of one cluster take: a copy of the images each, and etcd."""
INOTIFY = {"fs/inotify/max_user_instances": 1024, "fs/inotify/max_user_watches": 524_288}

_DAEMON_CONFIG = Path("/etc/docker/daemon.json")
_DPKG_JOURNAL = Path("/var/lib/dpkg/updates")
_RUNTIME = Path("/usr/local/lib/firedrill/runc")
_DAEMON_DEADLINE_S = 60
_DAEMON_STARTS_S = 2
# Linux numbers capabilities; only those are named here that a container engine asks for and a machine may lack.
_CAPABILITIES = {24: "CAP_SYS_RESOURCE"}


def prepare() -> None:
    """Make Docker answer, or raise `Problem` with what to type. Idempotent, and quick when nothing is to be done."""
    why_not = docker.refusal()
    if why_not:
        _start_docker(why_not)
    _raise_inotify()


def install_tools() -> None:
    """Install the absent ones of `TOOLS` where that is possible: for root on Debian and Ubuntu."""
    absent = _absent(TOOLS)
    if absent and os.geteuid() == 0 and is_debian():
        install(absent)


def install_browser() -> None:
    """Install Chromium where no browser is and that is possible: for root on Debian. Ubuntu has it as a snap alone.

    With a font that has the signs of the report, which a machine without a screen lacks.
    """
    if not any(map(shutil.which, BROWSERS)) and os.geteuid() == 0 and is_debian(but_not="ubuntu"):
        install(("chromium", "fonts-dejavu-core"))


def require_disk(bytes_needed: int, *, why: str) -> None:
    """Raise `Problem` if the disk of the cache or of Docker has less than `bytes_needed` free."""
    for folder in {_existing(paths.cache()), _existing(docker.root())}:
        free = shutil.disk_usage(folder).free
        if free < bytes_needed:
            raise Problem(
                f"too little disk: {free / 2**30:.1f} GiB free at {folder}, {bytes_needed / 2**30:.0f} GiB wanted",
                why=why,
                remedy="free some, for example with `docker system prune`, or set XDG_CACHE_HOME to a larger disk",
            )


def say(line: str) -> None:
    """One line to the user about something that is done to the machine."""
    print(f"firedrill: {line}", file=sys.stderr, flush=True)  # noqa: T201


def missing_capabilities() -> list[str]:
    """Capabilities outside this machine's bounding set, of those that containers are given."""
    status = Path("/proc/self/status").read_text()
    bounding = int(next(line.split()[1] for line in status.splitlines() if line.startswith("CapBnd")), 16)
    return [name for number, name in _CAPABILITIES.items() if not bounding >> number & 1]


def _start_docker(why_not: str) -> None:
    if elsewhere := docker.elsewhere():
        raise Problem(
            f"no Docker daemon answers at {elsewhere}",
            why=why_not,
            remedy="start it there; or, for one on this machine: "
            "`unset DOCKER_HOST DOCKER_CONTEXT; docker context use default`",
        )
    if "permission denied" in why_not.lower():
        raise Problem(
            "Docker does not let this user in",
            why=why_not,
            remedy="sudo usermod -aG docker $USER, then log in again; or run as root",
        )
    if os.geteuid() != 0 or not is_debian():
        raise Problem(
            "no Docker daemon answers",
            why=why_not,
            remedy="start it (`sudo systemctl start docker`), or install it: "
            f"`sudo apt-get install {' '.join(ENGINE)}` on Debian and Ubuntu",
        )
    # No more than that: Debian's engine takes the place of another one that is there, with all that it holds.
    if absent := _absent(ENGINE):
        install(absent)
    if docker.refusal():  # the package may have started the daemon by itself
        _configure_daemon()
        _launch_daemon()


def _absent(packages: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(package for package, program in packages.items() if shutil.which(program) is None)


def install(packages: tuple[str, ...]) -> None:
    """Install Debian packages, saying so. Root only. Completes first what an installation that was cut short left."""
    say(f"installing the Debian packages {' '.join(packages)}")
    if _DPKG_JOURNAL.is_dir() and any(_DPKG_JOURNAL.iterdir()):  # apt-get refuses to do anything until then
        _apt("dpkg", "--configure", "-a")
    update_package_lists()
    # A machine that has just been started often updates itself at first, and holds the lock for minutes.
    patient = ["-o", "DPkg::Lock::Timeout=300"]
    _apt("apt-get", "install", *patient, "-y", "-q", "--no-install-recommends", *packages)


def update_package_lists() -> None:
    """Ask the package servers what they have now. Root only."""
    _apt("apt-get", "update", "-q")


def apt_log() -> Path:
    """Where what the package tools say is kept."""
    return paths.cache() / "logs" / "apt.log"


def _apt(*command: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run_logged(command, what=" ".join(command), log=apt_log(), environment=environment)


def _configure_daemon() -> None:
    missing = missing_capabilities()
    if not missing:
        return
    say(f"this machine lacks {', '.join(missing)}: Docker gets a runtime that leaves it out of every container")
    text = Path(__file__).with_name("runc-wrapper.sh").read_text()
    text = text.replace("@MISSING@", json.dumps(missing)).replace("@RUNC@", shutil.which("runc") or "runc")
    _RUNTIME.parent.mkdir(parents=True, exist_ok=True)
    _RUNTIME.write_text(text)
    _RUNTIME.chmod(0o755)
    try:
        config = json.loads(_DAEMON_CONFIG.read_text()) if _DAEMON_CONFIG.exists() else {}
    except ValueError as wrong:
        raise Problem(
            f"{_DAEMON_CONFIG} is no JSON, and Docker needs a runtime added there",
            why=str(wrong),
            remedy="correct the file, or move it away",
        ) from None
    config.setdefault("runtimes", {})["firedrill"] = {"path": str(_RUNTIME)}
    config["default-runtime"] = "firedrill"
    _DAEMON_CONFIG.parent.mkdir(parents=True, exist_ok=True)
    _DAEMON_CONFIG.write_text(json.dumps(config, indent=2) + "\n")


def _launch_daemon() -> None:
    log = paths.cache() / "logs" / "dockerd.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    say(f"starting dockerd (log: {log})")
    _forget_dead_daemon()
    with log.open("ab") as sink:
        # Nobody's child, in a session of its own: Ctrl-C in this terminal is meant for firedrill, not for the daemon.
        subprocess.run(["setsid", "--fork", "dockerd"], stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, check=True)
    started_s = time.monotonic()
    while time.monotonic() - started_s < _DAEMON_DEADLINE_S:
        if docker.answers():
            return
        if time.monotonic() - started_s > _DAEMON_STARTS_S and not _runs("dockerd"):
            break
        time.sleep(0.3)  # below fixtures, so without fixtures.wait
    tail = "\n        ".join(log.read_text(errors="replace").splitlines()[-8:])
    raise Problem("dockerd does not start", why=tail, remedy=f"read {log}, then run `dockerd` yourself")


def _runs(program: str) -> bool:
    return any(_name(int(entry.name)) == program for entry in Path("/proc").iterdir() if entry.name.isdecimal())


def _forget_dead_daemon() -> None:
    # After a kill -9 the pid files stay, and a later process may have got the same number.
    for pid_file in (Path("/var/run/docker.pid"), Path("/run/docker/containerd/containerd.pid")):
        if pid_file.exists() and not _is_daemon(pid_file):
            pid_file.unlink()


def _is_daemon(pid_file: Path) -> bool:
    text = pid_file.read_text().strip()
    return text.isdecimal() and _name(int(text)) in {"dockerd", "containerd"}


def _name(process: int) -> str:
    """The name of a process; empty for one that is gone or, killed, waits to be reaped."""
    try:
        # "number (name) state ...", see proc_pid_stat(5).
        text = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return ""
    name, _, rest = text[text.index("(") + 1 :].rpartition(")")
    return "" if rest.split()[0] == "Z" else name


def _raise_inotify() -> None:
    for name, wanted in INOTIFY.items():
        file = Path("/proc/sys") / name
        if file.exists() and int(file.read_text()) < wanted and os.geteuid() == 0:
            say(f"raising {name.replace('/', '.')} to {wanted}: three nodes need it")
            file.write_text(str(wanted))


def is_debian(*, but_not: str | None = None) -> bool:
    """Whether the machine is one on which Debian packages can be had."""
    release = Path("/etc/os-release")
    lines = release.read_text().splitlines() if release.exists() else []
    return f"ID={but_not}" not in lines and any(line in {"ID=debian", "ID=ubuntu", "ID_LIKE=debian"} for line in lines)


def _existing(folder: Path) -> Path:
    while not os.access(folder, os.F_OK):  # False too for one below a folder that this user may not look into
        folder = folder.parent
    return folder
