"""Memory of a scan kept as single images: `python -m reports.reliability.images`.

Opens folders of so many images, each in a process of its own, reads every pattern in chunks of 1024, and says the
peaks. The places of the images are in their names, or in a grain list beside them. A million needs 1 GB in `/dev/shm`.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from reports._provenance import provenance

HERE = Path(__file__).resolve().parent
COUNTS = (1_000, 100_000, 1_000_000)
LIST_COUNTS = (1_000, 100_000)


def read_all(folder: Path) -> None:
    """Open a folder, read it once, and print the peaks in MB after opening and after reading."""
    # What is imported is not what an image costs.
    import orix.crystal_map  # noqa: F401
    import PIL.Image  # noqa: F401

    import kikuchi

    before = peak_mb()
    begin = time.process_time()
    scan = kikuchi.open_scan(folder)
    opened = peak_mb()
    for _start, patterns in scan.iter_chunks(1024):
        patterns.max()
    read = peak_mb()
    told = {"patterns": scan.n, "before_mb": before, "opened_mb": opened, "read_mb": read}
    print(json.dumps(told | {"cpu_seconds": round(time.process_time() - begin, 1)}))


def peak_mb() -> float:
    """Give the most memory this process has had; `getrusage` would begin with that of the parent."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return round(int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024, 1)


def write_folder(folder: Path, count: int, pattern: Path, *, listed: bool) -> None:
    """Make a folder of links to one image, and a grain list if the names are to tell no places."""
    folder.mkdir()
    for i in range(count):
        name = f"scan_{i + 1:07d}.png" if listed else f"scan_x{i % 200}y{i // 200}.png"
        os.link(pattern, folder / name)
    if listed:
        with (folder / "Grain List.txt").open("w") as file:
            file.write("ID\tPhase\tX\tY\tphi1\tPHI\tphi2\tMAD\tAFI\tBC\tBS\tGrain ID\n")
            for i in range(count):
                file.write(f"{i}\tNickel\t{i % 200}.0\t{i // 200}.0\t10.5\t20.1\t30.2\t0.4\t5\t120\t200\t1\n")


def measured(work: Path, pattern: Path, count: int, *, listed: bool) -> dict:
    """Read one folder in a process of its own."""
    folder = work / "images"
    write_folder(folder, count, pattern, listed=listed)
    command = [sys.executable, "-m", "reports.reliability.images", "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    shutil.rmtree(folder)
    row = json.loads(done.stdout)
    print("grain list" if listed else "names", row, flush=True)
    return row


def bytes_an_image(rows: list[dict]) -> dict[str, int]:
    """Difference of the peaks of the largest and the smallest folder, an image."""
    span = rows[-1]["patterns"] - rows[0]["patterns"]
    return {k: round((rows[-1][k] - rows[0][k]) * 2**20 / span) for k in ("opened_mb", "read_mb")}


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
    rows = [measured(work, pattern, count, listed=False) for count in COUNTS]
    listed = [measured(work, pattern, count, listed=True) for count in LIST_COUNTS]
    shutil.rmtree(work)

    result = {
        **provenance(seed=0),
        "rows": rows,
        "bytes_an_image": bytes_an_image(rows),
        "rows_with_grain_list": listed,
        "bytes_an_image_with_grain_list": bytes_an_image(listed),
    }
    (HERE / "images.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
