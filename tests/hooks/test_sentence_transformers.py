"""sentence-transformers: how many texts became vectors of which dimension."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from latprobe.config import Settings
from latprobe.hooks import sentence_transformers
from latprobe.testing import MemorySink
from tests.hooks.needing import needs

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "fruit", "nut"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A tiny BERT of random weights, loaded from a folder with the hook on."""
    needs("torch")
    library = needs("sentence_transformers")
    modules = needs("sentence_transformers.sentence_transformer.modules")
    transformers = needs("transformers")
    folder = tmp_path_factory.mktemp("tiny-bert")
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    transformers.BertTokenizerFast(vocab_file=str(folder / "vocab.txt")).save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=8, hidden_size=16, num_hidden_layers=1, num_attention_heads=2
    )
    transformers.BertModel(config).save_pretrained(folder)
    undo = sentence_transformers.instrument(Settings(home=Path("unused")))
    yield library.SentenceTransformer(
        modules=[modules.Transformer(str(folder)), modules.Pooling(16)]
    )
    undo()


def test_texts_batch_and_dimension_are_recorded(model: Any, sink: MemorySink) -> None:
    vectors = model.encode(["red fruit", "nut", "fruit"], batch_size=2)
    one = model.encode("red", convert_to_tensor=True)
    assert (vectors.shape, tuple(one.shape)) == ((3, 16), (16,))
    name = model[0].auto_model.config.name_or_path
    base = {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": "sentence_transformers",
        "gen_ai.request.model": name,
        "gen_ai.embeddings.dimension.count": 16,
    }
    assert [(span.name, span.modality, span.attributes) for span in sink.spans] == [
        (
            f"embeddings {name}",
            "retrieval",
            {**base, "latprobe.batch_size": batch, "latprobe.inputs": texts},
        )
        for batch, texts in ((2, 3), (32, 1))
    ]


def test_a_query_is_encoded_once(model: Any, sink: MemorySink) -> None:
    model.encode_query(["red"])
    assert len(sink.spans) == 1


def test_undo_restores_the_original() -> None:
    needs("torch")
    kind = needs("sentence_transformers.sentence_transformer.model").SentenceTransformer
    before = vars(kind)["encode"]
    undo = sentence_transformers.instrument(Settings(home=Path("unused")))
    undo()
    assert vars(kind)["encode"] is before
