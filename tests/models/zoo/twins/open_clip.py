"""A CLIP of one layer in the folder layout of open_clip's hub; or one of timm's transformers and a BERT of transformers', as BiomedCLIP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from twins import _parts

VISION = {"image_size": 56, "layers": 1, "width": 64, "patch_size": 28}
PREPROCESS = {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4], "interpolation": "bicubic", "resize_mode": "shortest"}


def write(folder: Path, kind: str = "clip") -> Path:
    """The folder."""
    import open_clip
    from transformers import BertTokenizerFast

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    config: dict[str, Any] = {"embed_dim": 16, "vision_cfg": VISION}
    if kind == "clip":
        config["text_cfg"] = {"context_length": 32, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 1}
        network = open_clip.CLIP(**config)
    else:
        _parts.bert(1).config.to_json_file(folder / "config.json", use_diff=False)
        _parts.vocabulary(folder)
        BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
        tower = {"hf_proj_type": "mlp", "hf_pooler_type": "cls_last_hidden_state_pooler", "hf_model_pretrained": False}
        config["text_cfg"] = {"context_length": 32, "hf_model_name": str(folder), **tower}
        config["vision_cfg"] = {"timm_model_name": "test_vit", "timm_pool": "", "timm_proj": "linear", "image_size": 160}
        network = open_clip.CustomTextCLIP(**config)
        config["text_cfg"] |= {"hf_model_name": "somewhere/biomedbert", "hf_tokenizer_name": "somewhere/biomedbert"}
    for parameter in network.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    torch.save(network.state_dict(), folder / "open_clip_pytorch_model.bin")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": PREPROCESS}))
    return folder
