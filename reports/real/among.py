"""Real scans with and without naming what they can hold: `map` against `map --among`, by the shipped ensemble.

    python -m reports.real.among --shared SHARED --work WORK

writes `among.json` beside this script. SHARED is the folder with the real scans (Inconel 718 of doi
10.5061/dryad.zcrjdfnr9, silicon at three camera distances); nickel is kikuchipy's. Members run once for each scan;
their outputs stay in WORK, and running again takes seconds.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from kikuchi.bundle.bundle import Bundle
from kikuchi.inference.predictor import Predictor
from kikuchi.inference.run_scan import run_store
from kikuchi.postprocessing.scan_check import check_scan
from kikuchi.postprocessing.scan_promise import held_promise
from kikuchi.scans import Scan, open_scan
from kikuchi.workflows.map import wanted_recipe
from reports._provenance import provenance

HERE = Path(__file__).resolve().parent
RISKS = (0.02, 0.05)


def scans(shared: Path) -> list[tuple[str, Path, int, tuple[str, ...]]]:
    """Name, file, true space group, and what is named."""
    import kikuchipy

    nickel = Path(kikuchipy.__file__).parent / "data" / "kikuchipy_h5ebsd" / "patterns.h5"
    silicon = shared / "real" / "silicon_moving_screen"
    inconel = shared / "real" / "inconel718_map" / "inconel718_50x50.h5"
    named = ("225,227", "225,229", "225,227,229")
    return [
        ("nickel, 9 patterns", nickel, 225, named),
        *(
            (f"silicon, {name}", silicon / f"{name}.h5", 227, named)
            for name in ("si_in", "si_out5mm", "si_out10mm")
        ),
        ("Inconel 718, 2500 points", inconel, 225, named),
    ]


def judged(
    bundle: Predictor | Bundle, outputs: Any, scan: Scan, truth: int, risk: float, named: str | None
) -> dict[str, Any]:
    """Answer a scan's outputs, count, and say what `map` promises by default."""
    abstention = bundle.promised(bundle.abstentions[bundle.rule])
    decision = bundle.decide(outputs)
    check = check_scan(bundle, bundle.rule, abstention, outputs, decision, scan)
    printed = held_promise(bundle, bundle.rule, abstention, check, decision).certificate
    first = np.array(bundle.classes)[decision.winner]
    solved = decision.status == 0
    certificate = bundle.abstentions[bundle.rule].certificate
    return {
        "among": named,
        "asked": risk,
        "certified": certificate.certified,
        "certified_risk": certificate.certified_risk,
        "printed_risk": printed.certified_risk,
        "said": printed.message,
        "first_right": int((first == truth).sum()),
        "answered": int(solved.sum()),
        "wrong": int((solved & (first != truth)).sum()),
        "unfamiliar": int((decision.status == 2).sum()),
        "truth_can_be_named": named is None or str(truth) in named.split(","),
    }


def main() -> None:
    """Answer every scan under every question."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()
    whole = Predictor.load("shipped")
    rows = []
    for name, file, truth, questions in scans(args.shared):
        scan = open_scan(file)
        store, _ = run_store(scan, whole, args.work / name.split(",")[0] / file.stem, engine="keras")
        outputs = whole.gated(store.outputs())
        answers = [judged(whole, outputs, scan, truth, whole.recipe.abstain.risk, None)]
        for named in questions:
            for risk in RISKS:
                among = whole.among(named, recipe=wanted_recipe(whole, risk=risk))
                if among.candidates is not None:
                    answers.append(judged(among, among.candidates.narrow(outputs), scan, truth, risk, named))
        rows.append({"scan": name, "patterns": scan.n, "truth": truth, "answers": answers})
        print(name, answers, flush=True)
    result = provenance() | {"rows": rows}
    (HERE / "among.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
