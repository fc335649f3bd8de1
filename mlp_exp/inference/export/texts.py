"""Texts as an input of an ONNX model, which torch cannot hold: nodes that map them to places go before its own."""

from typing import TYPE_CHECKING

from mlp_exp.inference.export.raw_columns import UNSEEN_PLACE, RawColumns

if TYPE_CHECKING:
    from onnx import ModelProto

TEXTS = "categories"
PLACES = "category_places"
"""The integers `[batch, C]` that the model takes so far, and from then on makes of its input `TEXTS`."""
ML_VERSION = 2
"""Of ONNX's operators for machine learning: the first with texts as keys."""


def take_texts(model: "ModelProto", raw: RawColumns) -> None:
    """Replaces the input `PLACES` of a model by the texts `[batch, C]` themselves."""
    from onnx import TensorProto, helper

    graph = model.graph
    given = next(each for each in graph.input if each.name == PLACES)
    given.name = TEXTS
    given.type.tensor_type.elem_type = TensorProto.STRING
    nodes = []
    for place, known in enumerate(raw.places_of_texts):
        column = f"{TEXTS}_{place}"
        graph.initializer.append(helper.make_tensor(f"{column}_index", TensorProto.INT64, [1], [place]))
        nodes.append(helper.make_node("Gather", [TEXTS, f"{column}_index"], [f"{column}_texts"], axis=1))
        nodes.append(
            helper.make_node(
                "LabelEncoder",
                [f"{column}_texts"],
                [f"{column}_places"],
                domain="ai.onnx.ml",
                keys_strings=list(known),
                values_int64s=list(known.values()),
                default_int64=UNSEEN_PLACE,
            )
        )
    places = [f"{TEXTS}_{place}_places" for place in range(len(raw.categories))]
    nodes.append(helper.make_node("Concat", places, [PLACES], axis=1))
    own = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *own])
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", ML_VERSION))
