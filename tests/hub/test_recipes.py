"""The recipes of hub/ as transformers loads them: from the folder, with no network."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers.dynamic_module_utils
import yaml
from counterfoil.decoding import CADLogitsProcessor, DoLaLogitsProcessor, contrastive_search
from transformers import GenerationConfig

from tests.support.tiny_models import padded, random_prompts, tiny_model

HUB = Path(__file__).parents[2] / "hub"
RECIPES = sorted(folder.name for folder in HUB.iterdir() if folder.is_dir())
PROMPTS, CONTRASTS = random_prompts([9, 3, 6], seed=51), random_prompts([2, 7, 5], seed=52)
NEW = 8


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No network, and a place of its own for the code that transformers copies."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(transformers.dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.syspath_prepend(tmp_path / "modules")


def generate(custom_generate: Any = None, **options: Any) -> Any:
    torch.manual_seed(0)
    model = tiny_model("llama")
    given = options if "generation_config" in options else {"do_sample": False, "max_new_tokens": NEW, **options}
    if isinstance(custom_generate, str):
        given = {**given, "trust_remote_code": True}
        custom_generate = str(HUB / custom_generate)
    return model.generate(**padded(PROMPTS), custom_generate=custom_generate, **given)


def test_there_are_three() -> None:
    assert RECIPES == ["cad", "contrastive_search", "dola"]


@pytest.mark.parametrize("options", [{}, {"penalty_alpha": 0.9, "top_k": 6}])
def test_contrastive_search(options: dict[str, Any]) -> None:
    found = generate("contrastive_search", **options)
    assert torch.equal(found, generate(contrastive_search, **options))
    if options:
        assert not torch.equal(found, generate())


@pytest.mark.parametrize("mode", [{}, {"do_sample": True, "top_k": 20}, {"num_beams": 3}])
def test_dola(mode: dict[str, Any]) -> None:
    for layers in ("low", [0, 2]):
        dola = DoLaLogitsProcessor(tiny_model("llama"), layers)
        assert torch.equal(generate("dola", dola_layers=layers, **mode), generate(logits_processor=[dola], **mode))


@pytest.mark.parametrize("mode", [{}, {"do_sample": True, "top_k": 20}, {"num_beams": 3}])
def test_cad(mode: dict[str, Any]) -> None:
    contrast = padded(CONTRASTS)
    cad = CADLogitsProcessor(tiny_model("llama"), contrast, strength=1.0)
    found = generate("cad", contrast_inputs=contrast, strength=1.0, **mode)
    assert torch.equal(found, generate(logits_processor=[cad], **mode))
    assert not torch.equal(found, generate(**mode))


def test_other_processors_and_settings_of_the_call_hold() -> None:
    contrast, config = padded(CONTRASTS), GenerationConfig(max_new_tokens=3, do_sample=False, pad_token_id=0)

    def ban(ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        return scores.index_fill(1, torch.arange(50), -torch.inf)

    for name, arguments in (("cad", {"contrast_inputs": contrast}), ("dola", {}), ("contrastive_search", {})):
        found = generate(
            name, logits_processor=[ban], generation_config=config, return_dict_in_generate=True, **arguments
        )  # fmt: skip
        new = found.sequences[:, padded(PROMPTS)["input_ids"].shape[1] :]
        assert new.shape[1] == 3
        assert bool((new >= 50).all())


def test_a_recipe_is_remote_code_that_has_to_be_trusted() -> None:
    with pytest.raises(ValueError, match="trust_remote_code"):
        tiny_model("llama").generate(**padded(PROMPTS), custom_generate=str(HUB / "cad"), trust_remote_code=False)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_is_a_repository_of_its_kind(recipe: str) -> None:
    folder = HUB / recipe
    pinned = (folder / "custom_generate" / "requirements.txt").read_text().split()
    assert pinned == [f"counterfoil=={importlib.metadata.version('counterfoil')}"]
    card = (folder / "README.md").read_text()
    front = yaml.safe_load(re.match(r"---\n(.*?)---\n", card, re.DOTALL).group(1))  # type: ignore[union-attr]
    assert "custom_generate" in front["tags"]
    assert front["library_name"] == "transformers"
    assert pinned[0] in card
