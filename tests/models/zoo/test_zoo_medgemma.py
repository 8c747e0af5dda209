from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from twins import medgemma as twin

from pipeline.base.errors import InputError
from pipeline.base.interfaces import ZOO

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return twin.write(tmp_path_factory.mktemp("medgemma"))


def film(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (60, 80), np.uint8)


def load(path: Path, **options: Any) -> Any:
    model = ZOO.get("medgemma")
    return model.load(path, model.Options(**options), CPU)


def test_a_score_is_the_probability_of_yes_after_the_question(folder: Path) -> None:
    """The chat through transformers' own processor and model, film by film."""
    from transformers import AutoImageProcessor, AutoProcessor, Gemma3ForConditionalGeneration

    scorer = load(folder, findings=("Edema", "Pneumonia"))
    films = torch.stack([scorer.prepare(film(seed)) for seed in range(2)])
    found = scorer.score(films)
    processor, network = AutoProcessor.from_pretrained(folder), Gemma3ForConditionalGeneration.from_pretrained(folder).eval()
    processor.image_processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
    for row in range(2):
        for column, words in enumerate(("pulmonary edema", "pneumonia")):
            image = Image.fromarray(film(row)).convert("RGB")
            chat = [
                {"role": "system", "content": [{"type": "text", "text": "You are an expert radiologist."}]},
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": f"Does this chest X-ray show {words}? Answer with Yes or No."},
                        {"type": "image", "image": image},
                    ],
                },
            ]
            inputs = processor.apply_chat_template(chat, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt")
            assert (inputs["input_ids"] == twin.VOCABULARY["<image_soft_token>"]).sum() == twin.PATCHES
            torch.testing.assert_close(inputs["pixel_values"][0], films[row])
            with torch.no_grad():
                chances = network(**inputs).logits[0, -1].softmax(0)
            yes, no = (sum(chances[twin.VOCABULARY[word]] for word in pair) for pair in (("Yes", "yes"), ("No", "no")))
            assert found[row, column].item() == pytest.approx((yes / (yes + no)).item(), abs=1e-5)
    assert found.unique().numel() == 4
    torch.testing.assert_close(scorer.score(films[1:]), found[1:], rtol=0, atol=1e-5)


def test_precision_is_the_networks(folder: Path) -> None:
    half = load(folder, findings=("Edema",), precision="bfloat16")
    films = half.prepare(film())[None]
    assert half.score(films).dtype == torch.float32
    both = torch.cat([films, half.prepare(film(1))[None]])
    assert torch.equal(half.score(both)[:1], half.score(films))
    assert half.score(films).item() == pytest.approx(load(folder, findings=("Edema",)).score(films).item(), abs=0.02)


def test_a_snapshot_without_what_is_needed_is_refused(folder: Path, tmp_path: Path) -> None:
    other = twin.write(tmp_path / "medgemma")
    (other / "chat_template.jinja").unlink()
    with pytest.raises(InputError, match="has no chat template"):
        load(other)
    (other / "chat_template.jinja").write_text("{{ raise_exception('no') }}")
    with pytest.raises(InputError, match="chat template of medgemma fails"):
        load(other)
