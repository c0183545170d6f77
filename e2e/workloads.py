"""What volumes hold in scenarios that need another size than the usual one."""

from __future__ import annotations

from typing import Final

from fixtures.workload import Workload

# For several apps at once.
SMALL: Final = Workload(files=60, large_files=1, large_file_size_bytes=256 * 1024)
# Enough to upload that the mover can be met while it does; the last large file is another one in each generation.
LARGE: Final = Workload(files=50, large_files=1, large_file_size_bytes=192 * 1024 * 1024)
