"""Changed graphs, run in processes that may die: none does. See benchmarks/fuzz_graphs.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgclf.backend import keras
from imgclf.model_file.converters import litert_graph
from imgclf.model_file.features_graph import make_features_graph
from tests.support.fuzz_graphs import fuzz
from tests.support.pretrained import on_backbone

COUNT = 250


@pytest.mark.slow
@pytest.mark.parametrize("whole", [True, False])
def test_no_changed_graph_ends_the_process_or_fills_the_memory(tmp_path: Path, whole: bool) -> None:
    model = on_backbone(keras.layers.Dense(3, activation="softmax"), flat=whole)
    graph = tmp_path / "graph.tflite"
    graph.write_bytes(litert_graph(model) if whole else make_features_graph(model))
    found = fuzz(graph, "test", COUNT)
    assert found.faults == []
    assert sum(found.outcomes.values()) == COUNT
    assert found.outcomes["refused"] > COUNT / 2
    assert found.outcomes["run"] > COUNT / 20
