"""Readers of what answers and what was answered: exports, matchers, a map's files, the truth of a simulation."""

import io
import json
import shutil
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tests.fuzzing.reader import NUMBERS, Reader

_JSON = (b"null", b"{}", b"[]", b'""', b"1e400", b"true", *NUMBERS)


def _onnx_seeds(folder: Path) -> list[tuple[str, bytes]]:
    """Write exports of the operations that members have, with two outputs."""
    import onnx

    make, float_ = onnx.helper, onnx.TensorProto.FLOAT
    rng = np.random.default_rng(0)

    def tensor(name: str, *shape: int) -> Any:
        return onnx.numpy_helper.from_array(rng.normal(size=shape).astype(np.float32), name)

    nodes = [
        make.make_node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]),
        make.make_node("Conv", ["t", "k"], ["c"], strides=[2, 2], pads=[1, 1, 1, 1]),
        make.make_node("Relu", ["c"], ["r"]),
        make.make_node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        make.make_node("GlobalAveragePool", ["p"], ["g"]),
        make.make_node("Flatten", ["g"], ["features"]),
        make.make_node("Gemm", ["features", "w", "b"], ["logits"]),
    ]
    shapes: dict[str, Any] = {"x": ["n", 8, 8, 1], "logits": ["n", 2], "features": ["n", 4]}
    values = [make.make_tensor_value_info(name, float_, shape) for name, shape in shapes.items()]
    weights = [tensor("k", 4, 1, 3, 3), tensor("w", 4, 2), tensor("b", 2)]
    graph = make.make_graph(nodes, "member", values[:1], values[1:], weights)
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=9)
    return [("member.onnx", model.SerializeToString())]


def _call_onnx(path: Path, folder: Path) -> object:
    from kikuchi.inference.onnx_engine import OnnxEngine

    head = {"kernel": np.zeros((4, 2), np.float32), "bias": np.zeros(2, np.float32)}
    return OnnxEngine(path, head).predict(np.zeros((3, 8, 8), np.float32))


@cache
def _matcher_arrays() -> dict[str, bytes]:
    """Return the arrays of a matcher of two phases, as ``.npy`` files."""
    from kikuchi.matching.matcher import Evidence, Matcher
    from kikuchi.matching.search import CentrePlane
    from kikuchi.matching.spectrum import Spectrum
    from kikuchi.matching.storage import ARCHIVE, MatcherMember, save_matcher
    from kikuchi.matching.texture import texture_of
    from kikuchi.simulate import MasterPattern
    from kikuchi.simulate.detector.geometry import Geometry
    from tests.fuzzing.readers import scratch

    images = np.random.default_rng(0).random((2, 11, 11)).astype(np.float32)
    masters = [MasterPattern("x", 225, 20.0, image, image, "kinematical") for image in images]
    plane = CentrePlane(np.array([0.5, 0.3, 0.6]), np.zeros((2, 3)))
    mask = np.ones((16, 16), bool)
    matcher = Matcher(
        tuple(map(texture_of, masters)),
        (225, 229),
        Spectrum((16, 16), 10.0, mask=mask),
        Geometry((16, 16), plane.middle),
        plane,
    )
    folder = scratch()
    save_matcher(folder, MatcherMember(matcher, Evidence(1.0, (0.0, 0.1)), np.ones((16, 16))), masters)
    with zipfile.ZipFile(folder / ARCHIVE) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    shutil.rmtree(folder)
    return found


def _matcher_seeds(folder: Path) -> list[tuple[str, bytes]]:
    """Give the whole archive and each of its arrays, the settings as the JSON that they are."""
    arrays = _matcher_arrays()
    settings = str(np.load(io.BytesIO(arrays["settings.npy"]))).encode()
    single = [(name, arrays[name]) for name in ("mask.npy", "background.npy", "north_0.npy")]
    return [("matcher.npz", _zipped(arrays)), *[("settings.json", settings)] * 4, *single]


def _zipped(arrays: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in arrays.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _call_matcher(path: Path, folder: Path) -> object:
    """Put one array into a sound archive, and let it answer where it opens."""
    from kikuchi.matching.storage import load_matcher

    content = path.read_bytes()
    if path.suffix != ".npz":
        name = path.name
        if name == "settings.json":
            buffer = io.BytesIO()
            np.save(buffer, np.array(content.decode("latin-1")))
            name, content = "settings.npy", buffer.getvalue()
        content = _zipped(_matcher_arrays() | {name: content})
    (folder / "matcher.npz").write_bytes(content)
    return load_matcher(folder)


def _map_seeds(folder: Path) -> list[tuple[str, bytes]]:
    """Write the summary and the table of a small map."""
    from dataclasses import replace

    from kikuchi.maps import summarise
    from kikuchi.maps.h5_file import write_h5
    from tests.kikuchi.maps.conftest import decision, make_map

    made = make_map((2, 3), decision(6))
    meta = {
        "run_id": "a" * 32,
        "warnings": [],
        "notes": [],
        "scan": {"given_shape": [2, 3], "given_name": None},
    }
    made = replace(made, meta=made.meta | meta)
    write_h5(made, folder / "map.h5")
    summary = json.dumps(summarise(made)).encode()
    (folder / "summary.json").write_bytes(summary)
    table = (folder / "map.h5").read_bytes()
    (folder / "scan").mkdir(exist_ok=True)
    return [*[("summary.json", summary)] * 3, ("map.h5", table)]


def _call_map(path: Path, folder: Path) -> object:
    from kikuchi.maps.one_run import require_one_run
    from kikuchi.scans import open_mapped
    from kikuchi.workflows.info import facts
    from tests.fuzzing.scan_readers import write_png

    kept = folder / "kept"
    kept.mkdir(exist_ok=True)
    whole = dict(_map_seeds(kept))
    for name, content in whole.items():
        if name != path.name:
            (folder / name).write_bytes(content)
    for number in range(6):
        if not (folder / f"scan/p_{number}.png").is_file():
            write_png(folder / f"scan/p_{number}.png", number)
    facts(folder)
    require_one_run(folder)
    return open_mapped(folder / "scan", folder)


def _truth_seeds(folder: Path) -> list[tuple[str, bytes]]:
    names = "index,phase,mix,phi1,Phi,phi2,pcx,pcy,pcz,sample_tilt,tilt,azimuthal,twist\n"
    rows = (f"{i},Ni,{i % 2},10.5,20.25,30,0.5,0.4,0.6,70,5,0,0\n" for i in range(6))
    return [("scan.truth.csv", (names + "".join(rows)).encode())]


def _call_truth(path: Path, folder: Path) -> object:
    """Read the truth beside a scan, and what its first pattern shows."""
    from kikuchi.explain.ground_truth import Truth
    from kikuchi.scans import Preparation, scan_from_array

    scan = scan_from_array(np.zeros((6, 16, 16), np.uint8))
    scan.path = folder / "scan.h5"
    truth = Truth.beside(scan)
    assert truth is not None
    return truth.physics(0, Preparation(size=16)), truth.phase(0)


ANSWER_READERS = {
    "onnx": Reader(_onnx_seeds, _call_onnx),
    "matcher": Reader(_matcher_seeds, _call_matcher, _JSON),
    "map": Reader(_map_seeds, _call_map, _JSON),
    "truth": Reader(_truth_seeds, _call_truth, (b",", b"\n", b'"', b"Ni", *NUMBERS)),
}
