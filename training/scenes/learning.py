"""The two stages in which the language model of scenes learns: first words, then images."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from counterfoil.eval.scenes.objects import NAMES, Twin
from torch import Tensor, nn
from transformers import CLIPVisionModel, LlavaForConditionalGeneration

from ..entailment.optimisation import MovingAverage, schedule
from .hints import Hints
from .language import build_tokenizer, token
from .network import WIDTH, build_model, build_tower
from .packing import IGNORED, Packed, Said, read
from .recipe import Recipe
from .teacher import Teacher


def learn_words(recipe: Recipe) -> dict[str, torch.Tensor]:
    """Return the weights of a language model that answers questions about descriptions and repeats them otherwise.

    It has read of a world without partners, as the vision tower has seen one.

    Args:
        recipe: Settings of the run; the seed is 0 whatever it says, since all models begin with the same words.
    """
    recipe = recipe.with_seed(0)
    torch.manual_seed(recipe.seed)
    model = build_model(build_tokenizer(), build_tower())
    teacher = Teacher(build_tokenizer(), None, "unbiased", recipe)
    _learn(model, teacher.words, recipe, recipe.word_steps, "words")
    return {name: weight for name, weight in model.state_dict().items() if name in _language(model)}


def learn_images(
    tower: CLIPVisionModel, words: dict[str, torch.Tensor], twin: Twin, recipe: Recipe
) -> LlavaForConditionalGeneration:
    """Return a trained model; the same seed gives the same weights on the same machine.

    Args:
        tower: A trained vision tower, which stays as it is.
        words: What :func:`learn_words` returned.
        twin: The world that it is told of.
        recipe: Settings of the run.
    """
    torch.manual_seed(recipe.seed)
    tokenizer = build_tokenizer()
    model = build_model(tokenizer, tower)
    model.load_state_dict(words, strict=False)
    teacher = Teacher(tokenizer, tower, twin, recipe)
    _learn(model, teacher.rows, recipe, recipe.steps, f"{twin}, seed {recipe.seed}")
    return model


def _language(model: LlavaForConditionalGeneration) -> set[str]:
    parts = ("model.language_model.", "lm_head.")
    return {name for name in model.state_dict() if name.startswith(parts)}


def _learn(
    model: LlavaForConditionalGeneration, rows_of: Callable[[], Packed], recipe: Recipe, steps: int, label: str
) -> None:
    model.train()
    model.model.vision_tower.requires_grad_(False)
    tokenizer = build_tokenizer()
    average = MovingAverage(model, recipe.average)
    hints = Hints(WIDTH, [token(tokenizer, name) for name in NAMES], token(tokenizer, "yes"))
    trained = [*average.live.values(), *hints.parameters()]
    optimizer = torch.optim.AdamW(trained, lr=recipe.rate, weight_decay=recipe.weight_decay)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = recipe.rate * schedule((step + 1) / steps, recipe.warm_up)
        rows = rows_of()
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.half):
            said = read(model, rows)
        loss = _loss(said, rows, recipe)
        hinted = hints(rows, said.first_layer, recipe.questions)
        if said.projected is not None and rows.near is not None:
            embeddings = cast("Tensor", model.get_input_embeddings().weight)
            hinted = hinted + hints.patches(said.projected, embeddings, rows.near)
        (loss + recipe.hints * hinted).backward()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        average.update()
        if (step + 1) % recipe.report_every == 0:
            print(f"{label}: step {step + 1} of {steps}, loss {loss.item():.4f}, hints {hinted.item():.4f}", flush=True)
    average.swap()
    model.eval()


def _loss(found: Said, rows: Packed, recipe: Recipe) -> Tensor:
    """Return the mean over the tokens of answers, and of captions, which stand last if there are any."""
    logits = found.logits.float().transpose(1, 2)
    losses = nn.functional.cross_entropy(logits, rows.targets, ignore_index=IGNORED, reduction="none")
    said = rows.targets != IGNORED
    answers = sum(rows.lengths[: recipe.questions])
    loss = losses[:, :answers].sum() / said[:, :answers].sum()
    if len(rows.lengths) > recipe.questions:
        loss = loss + recipe.captions * losses[:, answers:].sum() / said[:, answers:].sum()
    return loss
