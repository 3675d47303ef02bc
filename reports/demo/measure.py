"""Time and memory of `ensemble demo`, and what it found.

    python -m reports.demo.measure

runs the command in a fresh folder and writes ``demo.json`` beside this file.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from reports._provenance import provenance

HERE = Path(__file__).parent


def main() -> None:
    """Run the demo once and keep its numbers."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "ensemble_cli",
            "demo",
            "--out",
            f"{folder}/demo",
            "--json",
            "--quiet",
        ]
        begin = time.perf_counter()
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = {
        **provenance(seed=0),
        "measured_command": "ensemble demo --json --quiet",
        "seconds": round(seconds, 1),
        "processor_seconds": round(peak.ru_utime + peak.ru_stime, 1),
        "peak_memory_gib": round(peak.ru_maxrss / 2**20, 2),
        "found": json.loads(done.stdout),
    }
    (HERE / "demo.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
