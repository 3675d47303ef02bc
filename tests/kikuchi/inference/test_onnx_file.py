"""ONNX files that name other files are refused before a runtime opens anything."""

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.inference.onnx_engine import OnnxEngine
from kikuchi.inference.onnx_file import read_onnx

onnx = pytest.importorskip("onnx")
SECRET = b"PRIVATE!" * 2


def model(tensor, *, where="initializer"):
    """A model that adds a constant, which may lie in the graph, in a node or in a branch of one."""
    float_ = onnx.TensorProto.FLOAT
    x = onnx.helper.make_tensor_value_info("x", float_, [4])
    y = onnx.helper.make_tensor_value_info("y", float_, [4])
    nodes = [onnx.helper.make_node("Add", ["x", "w"], ["y"])]
    weights = [tensor] if where == "initializer" else []
    if where == "constant":
        nodes.insert(0, onnx.helper.make_node("Constant", [], ["w"], value=tensor))
    if where == "branch":
        inner = onnx.helper.make_graph(
            [onnx.helper.make_node("Constant", [], ["v"], value=tensor)],
            "inner",
            [],
            [onnx.helper.make_tensor_value_info("v", float_, [4])],
        )
        nodes.insert(0, onnx.helper.make_node("If", ["c"], ["w"], then_branch=inner, else_branch=inner))
    graph = onnx.helper.make_graph(nodes, "g", [x], [y], weights)
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)


def outside(location):
    tensor = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[4])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


def test_a_file_with_its_weights_in_it_is_given_back(tmp_path):
    inside = onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [4], [1, 2, 3, 4])
    (tmp_path / "a.onnx").write_bytes(model(inside).SerializeToString())
    assert read_onnx(tmp_path / "a.onnx") == (tmp_path / "a.onnx").read_bytes()


@pytest.mark.parametrize("location", ["key", "../key", "/etc/passwd"])
@pytest.mark.parametrize("where", ["initializer", "constant", "branch"])
def test_weights_in_another_file_are_refused(where, location, tmp_path):
    (tmp_path / "key").write_bytes(SECRET)
    path = tmp_path / "a.onnx"
    path.write_bytes(model(outside(location), where=where).SerializeToString())
    with pytest.raises(InputError, match=r"a\.onnx: keeps weights in another file"):
        read_onnx(path)
    pytest.importorskip("onnxruntime")
    with pytest.raises(InputError, match="keeps weights in another file"):
        OnnxEngine(path, {})


def test_a_node_that_names_a_file_is_refused(tmp_path):
    found = model(onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [4], [1, 2, 3, 4]))
    found.graph.node.append(
        onnx.helper.make_node("EPContext", [], ["z"], domain="com.microsoft", ep_cache_context="/lib/x.so")
    )
    (tmp_path / "a.onnx").write_bytes(found.SerializeToString())
    with pytest.raises(InputError, match="names another file"):
        read_onnx(tmp_path / "a.onnx")


@pytest.mark.parametrize("content", [b"\xff" * 40, b"<net/>"])
def test_what_is_no_onnx_is_refused(content, tmp_path):
    (tmp_path / "a.onnx").write_bytes(content)
    with pytest.raises(InputError, match="not a readable export"):
        read_onnx(tmp_path / "a.onnx")
    with pytest.raises(InputError, match="not a readable export"):
        read_onnx(tmp_path / "none.onnx")


def test_a_broken_export_is_one_line_and_the_runtime_says_nothing(tmp_path, capfd):
    inside = onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [4], [1, 2, 3, 4])
    head = {"kernel": np.zeros((3, 2), np.float32), "bias": np.zeros(2, np.float32)}
    content = model(inside).SerializeToString()
    path = tmp_path / "a.onnx"
    path.write_bytes(content.replace(b"Add", b"A\xffd"))  # no text: onnxruntime prints before it raises
    with pytest.raises(InputError, match="not a readable export"):
        OnnxEngine(path, head)
    path.write_bytes(content)  # sound, and of another shape than a member
    with pytest.raises(InputError, match="does not run"):
        OnnxEngine(path, head).predict(np.zeros((2, 8, 8), np.float32))
    said = capfd.readouterr()
    assert said.out == "" and said.err == ""
