"""What a logits processor takes and says of itself comes from the fields of its method."""

from __future__ import annotations

import inspect
import pydoc
from dataclasses import dataclass

import counterfoil.decoding
import pytest
import torch
from counterfoil.decoding import ContrastLogitsProcessor, OtherPrompt, batched_views
from counterfoil.decoding.by_name import processor_class
from counterfoil.decoding.methods import CAD, METHODS, Method, extrapolate, parameter
from counterfoil.decoding.processors.text import PromptLogitsProcessor

from tests.support.tiny_models import padded, random_prompts, tiny_model

PROMPTS, CONTRASTS = random_prompts([7, 4], seed=1), random_prompts([3, 5], seed=2)
OF_VIEWS = [method for method in METHODS.own if method.contrast != "candidates"]
every_method = pytest.mark.parametrize("method", OF_VIEWS, ids=lambda method: method.name)
of_images = pytest.mark.parametrize("method", [m for m in OF_VIEWS if m.takes_image], ids=lambda method: method.name)


@dataclass(frozen=True, kw_only=True)
class Doubled(Method):
    name = "doubled"
    title = "Twice the contrast"
    contrast = "prompt"

    weight: float = parameter(1.0, help="half of the weight", at_least=0)

    def scores(self, main: torch.Tensor, contrast: torch.Tensor) -> torch.Tensor:
        return extrapolate(main, contrast, 2 * self.weight)


@every_method
def test_the_parameters_of_the_rule_are_keywords_with_their_defaults(method: type[Method]) -> None:
    signature = inspect.signature(processor_class(method()))
    model, contrast, *_ = signature.parameters.values()
    assert model.name == "model"
    assert contrast.name in ("contrast_inputs", "negative_inputs", "amateur", "layers", "experts", "contrasts")
    for declared in method.parameters():
        if not declared.makes_contrast:
            found = signature.parameters[declared.name]
            assert (found.default, found.kind) == (declared.default, found.KEYWORD_ONLY)


@every_method
def test_the_documentation_has_the_equation_and_every_argument(method: type[Method]) -> None:
    kind = processor_class(method())
    shown = pydoc.plain(pydoc.render_doc(kind))
    assert "{" not in kind.__doc__.replace("{i}", "")
    assert "scores = " in kind.__doc__
    for name in inspect.signature(kind).parameters:
        assert f"{name}: " in kind.__doc__
        assert f"{name}" in shown


@of_images
def test_from_images_takes_all_parameters(method: type[Method]) -> None:
    make = processor_class(method()).from_images
    names = list(inspect.signature(make).parameters)
    assert names[:3] == ["model", "processor", "images"]
    assert names[3:-2] == [declared.name for declared in method.parameters()]
    assert names[-2:] == ["seed", "trace"]
    assert all(f"{name}: " in make.__doc__ for name in names)


@every_method
def test_an_argument_that_it_does_not_take_is_refused(method: type[Method]) -> None:
    kind = processor_class(method())
    taken = inspect.signature(kind).parameters
    foreign = ["alpha", *(p.name for p in method.parameters() if p.name not in taken)]
    for name in foreign:
        with pytest.raises(TypeError, match=f"{kind.__name__}.* got an unexpected keyword argument '{name}'"):
            kind(tiny_model("llama"), {"input_ids": torch.tensor([[5]])}, **{name: 1})


def test_a_method_of_ones_own_is_a_processor_with_any_view() -> None:
    model = tiny_model("llama")

    def generated(processor: ContrastLogitsProcessor, **options: object) -> list[list[int]]:
        return model.generate(
            **padded(PROMPTS), logits_processor=[processor], max_new_tokens=6, do_sample=False, **options
        ).tolist()

    view = OtherPrompt(model, padded(CONTRASTS))
    expected = generated(counterfoil.decoding.CADLogitsProcessor(model, padded(CONTRASTS), strength=3.0))
    assert generated(ContrastLogitsProcessor(model, view, Doubled(weight=1.5))) == expected
    assert (
        generated(ContrastLogitsProcessor(model, view, Doubled(weight=1.5)), custom_generate=batched_views) == expected
    )
    assert generated(ContrastLogitsProcessor(model, view, CAD(strength=3.0))) == expected


def test_a_class_of_ones_own_names_its_method() -> None:
    class DoubledLogitsProcessor(PromptLogitsProcessor):
        """Decode with twice the contrast.

        Args:
            {parameters}
        """

        method_class = Doubled

    assert list(inspect.signature(DoubledLogitsProcessor).parameters) == ["model", "contrast_inputs", "weight", "trace"]
    assert "weight: Half of the weight. At least 0." in str(DoubledLogitsProcessor.__doc__)
    made = DoubledLogitsProcessor(tiny_model("llama"), padded(CONTRASTS), weight=3)
    assert made.method == Doubled(weight=3.0)
