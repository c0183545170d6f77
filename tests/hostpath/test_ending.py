"""How the driver is told to end, at any moment."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from fixtures.components.hostpath.driver.ending import Ending

ROOT = Path(__file__).parents[2]
# The signal comes while the main thread begins to wait, now a little earlier, now a little later.
PROGRAM = """
import signal
from fixtures.components.hostpath.driver.ending import Ending

for number in range(20_000):
    with Ending() as ending:
        ending.catch(signal.SIGALRM)
        signal.setitimer(signal.ITIMER_REAL, 1e-6 * (1 + number % 60))
        assert ending.wait() == ""
"""


def test_a_signal_that_comes_as_the_driver_begins_to_wait_ends_it() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, timeout=60, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_what_is_wrong_ends_the_driver_and_is_told() -> None:
    with Ending() as ending:
        telling = threading.Thread(target=ending.because, args=("the name is taken",))
        telling.start()
        assert ending.wait() == "the name is taken"
        telling.join()
