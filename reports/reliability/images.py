"""Memory of a scan kept as single images: `python reports/reliability/images.py`.

Opens folders of so many images, each in a process of its own, reads every pattern in chunks of 1024, and says the peak.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
COUNTS = (1_000, 10_000, 40_000)


def read_all(folder: Path) -> None:
    """Open a folder, read it once, and print the peaks in MB after opening and after reading."""
    import kikuchi

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.process_time()
    scan = kikuchi.open_scan(folder)
    opened = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _start, patterns in scan.iter_chunks(1024):
        patterns.max()
    read = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    told = {"before_mb": before // 1024, "opened_mb": opened // 1024, "read_mb": read // 1024}
    print(json.dumps({"patterns": scan.n} | told | {"cpu_seconds": round(time.process_time() - begin, 1)}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.folder:
        read_all(given.folder)
        return
    import numpy as np
    from PIL import Image

    memory = Path("/dev/shm")
    work = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
    pattern = work / "pattern.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 60), dtype=np.uint8)).save(pattern)
    rows = []
    for count in COUNTS:
        folder = work / str(count)
        folder.mkdir()
        for i in range(count):
            os.link(pattern, folder / f"scan_x{i % 200}y{i // 200}.png")
        command = [sys.executable, __file__, "--folder", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows.append(json.loads(done.stdout))
        print(rows[-1], flush=True)
    shutil.rmtree(work)
    from kikuchi.versions import versions

    span = rows[-1]["patterns"] - rows[0]["patterns"]
    each = {k: (rows[-1][k] - rows[0][k]) * 2**20 / span for k in ("opened_mb", "read_mb")}
    result = {
        "command": "python reports/reliability/images.py",
        "seed": 0,
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{os.cpu_count()}-core CPU",
        "rows": rows,
        "bytes_an_image": {k: round(v) for k, v in each.items()},
        "versions": versions(),
    }
    (HERE / "images.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
