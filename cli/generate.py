"""`counterfoil generate`: a prompt continued, or a question about an image answered, by contrast and plainly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from counterfoil import models
from counterfoil.attribution.serialization import json_text, package_versions
from counterfoil.decoding.by_name import Decoding, method_names
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .method_options import method_options, names_of_methods, one_each
from .options import AT_LEAST_ONE, Command, Number, drafts_option
from .output import print_line, printable, stdout
from .progress import Progress

if TYPE_CHECKING:
    from counterfoil.models import LanguageModel, VisionModel

FORMAT = "counterfoil.generation/1"
PACKAGES = ("counterfoil", "torch", "transformers")


@click.command(cls=Command)
@click.option(
    "--method", metavar="METHOD", required=True,
    help=f"{names_of_methods(image=False)}; with --image {names_of_methods(image=True)}.",
)  # fmt: skip
@click.option("--prompt", metavar="TEXT", help="What to continue.")
@click.option(
    "--contrast", "contrasts", multiple=True, metavar="TEXT",
    help="What the prompt is compared with; again for each of several. cad: the prompt without its context. cfg: a "
    "negative prompt.",
)  # fmt: skip
@click.option("--image", type=click.Path(path_type=Path), metavar="FILE", help="An image to ask about.")
@click.option("--question", metavar="TEXT", help="With --image: what is asked.")
@click.option("--model", metavar="MODEL", help="Language model: hub id or folder. Default: SmolLM2-135M-Instruct.")
@click.option("--max-new-tokens", type=AT_LEAST_ONE, metavar="N", default=40, help="Longest continuation in tokens.")
@method_options
@click.option("--chat/--no-chat", help="Put the prompts into the model's chat template.")
@click.option("--sample", is_flag=True, help="Sample; otherwise the likeliest token is taken.")
@click.option(
    "--temperature", type=Number(min=0, min_open=True), metavar="NUMBER",
    help="With --sample: temperature. Default: 1.",
)  # fmt: skip
@click.option(
    "--top-p", type=Number(0, 1, min_open=True), metavar="NUMBER",
    help="With --sample: nucleus. Default: 1, all tokens.",
)  # fmt: skip
@click.option("--seed", type=int, metavar="N", help="With --sample or --image: same seed, same text. Default: 0.")
@drafts_option()
@click.option("--json", is_flag=True, help="Print JSON.")
def generate(
    method: str,
    prompt: str | None,
    contrasts: tuple[str, ...],
    image: Path | None,
    question: str | None,
    model: str | None,
    max_new_tokens: int,
    parameters: Mapping[str, Any],
    chat: bool,
    sample: bool,
    temperature: float | None,
    top_p: float | None,
    seed: int | None,
    drafts: bool,
    json: bool,
) -> None:
    """Continue a prompt, or answer a question about an image, by a contrastive method and plainly."""
    decoding = Decoding(method, one_each(parameters))
    sampled = {"temperature": temperature, "top_p": top_p, "seed": seed}
    if image is None and question is None:
        if prompt is None:
            raise ValueError("--prompt is missing: give it, or --image and --question")
        request = TextRequest(decoding, prompt, contrasts, chat, max_new_tokens, _sampling(sample, sampled))
        with Progress() as progress:
            with progress.step("Loading the model"):
                language = models.load_language_model(model)
            with progress.step("Decoding"):
                outcome = continued(request, language, drafts=drafts)
    else:
        request = _image_request(
            decoding, image, question,
            {"--prompt": prompt, "--contrast": contrasts or None, "--chat": chat or None}, model,
            max_new_tokens, _sampling(sample, {**sampled, "seed": seed if sample else None}), seed or 0,
        )  # fmt: skip
        with Progress() as progress:
            with progress.step("Loading the model"):
                vision = models.load_vision_model(str(model))
            with progress.step("Decoding"):
                outcome = answered(request, vision, drafts=drafts)
    if json:
        click.echo(outcome.to_json(), nl=False)
    else:
        print_side_by_side(stdout(), outcome)


@dataclass(frozen=True)
class Sampling:
    """How to sample.

    Args:
        temperature: Above 0.
        top_p: In (0, 1].
        seed: Of both continuations.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class TextRequest:
    """What to continue, and how.

    Args:
        decoding: The method.
        prompt: The text.
        contrasts: The other texts of a method that compares prompts.
        chat: Whether the texts are what a user says in a chat.
        max_new_tokens: At least 1.
        sampling: `None` for greedy decoding.

    Raises:
        ValueError: Something is missing, or the method has no use for it.
    """

    decoding: Decoding
    prompt: str
    contrasts: tuple[str, ...]
    chat: bool
    max_new_tokens: int
    sampling: Sampling | None

    def __post_init__(self) -> None:
        method = self.decoding.method
        if self.decoding.takes_image:
            raise ValueError(f"--image is missing: {method} compares an image with a view of it. Add it and --question")
        if method == "none":
            raise ValueError("--method has to be a contrastive one, but is none: plain decoding is shown beside it")
        for name, text in (("prompt", self.prompt), *(("contrast", text) for text in self.contrasts)):
            if not text.strip():
                raise ValueError(f"--{name} has to hold a word, but is empty")
        if self.decoding.needs_contrast and not self.contrasts:
            raise ValueError(f"--contrast is missing: {method} compares the prompt with another one. Add it")
        if not self.decoding.takes_contrast and self.contrasts:
            raise ValueError(f"--contrast has to be left out for {method}, which reads one prompt only")
        if self.contrasts and self.decoding.takes_contrast:
            self.decoding.methods[0].check_contrasts(len(self.contrasts))
        if self.sampling and method == "contrastive_search":
            raise ValueError("--sample has to be left out for contrastive_search, which is deterministic")

    def recorded(self) -> dict[str, Any]:
        """Return what was asked, for the JSON."""
        contrast = list(self.contrasts) if len(self.contrasts) > 1 else next(iter(self.contrasts), None)
        return {"prompt": self.prompt, "contrast": contrast, "chat": self.chat}


@dataclass(frozen=True)
class ImageRequest:
    """What to ask about which image, and how to answer.

    Args:
        decoding: The method.
        image: A file.
        question: What is asked.
        max_new_tokens: At least 1.
        sampling: `None` for greedy decoding.
        seed: Of what the method draws.

    Raises:
        ValueError: Something is missing, or the method has no use for an image.
    """

    decoding: Decoding
    image: Path
    question: str
    max_new_tokens: int
    sampling: Sampling | None
    seed: int

    def __post_init__(self) -> None:
        if not self.decoding.takes_image:
            names = ", ".join(method_names(image=True))
            raise ValueError(f"--method has to be one of {names} for an image, but is {self.decoding.method}")
        if not self.question.strip():
            raise ValueError("--question has to hold a word, but is empty")
        if not self.image.is_file():
            raise ValueError(f"--image has to be a file, but there is none at {str(self.image)!r}")

    def recorded(self) -> dict[str, Any]:
        """Return what was asked, for the JSON."""
        return {"image": str(self.image), "question": self.question, "seed": self.seed}


@dataclass(frozen=True)
class Outcome:
    """Both texts.

    Args:
        request: What was asked for.
        model: The model's name.
        label: The method with its parameters.
        settings: All parameters of the method.
        contrastive: Text by the method.
        plain: Text by the model alone, all else equal.
        views: What an image was compared with, by name: the transformation that was drawn, the description.
    """

    request: TextRequest | ImageRequest
    model: str
    label: str
    settings: Mapping[str, Any]
    contrastive: str
    plain: str
    views: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return everything as JSON."""
        request = self.request
        recorded = {
            "format": FORMAT,
            "model": self.model,
            "method": request.decoding.method,
            "settings": dict(self.settings),
            **request.recorded(),
            **({"views": dict(self.views)} if self.views else {}),
            "max_new_tokens": request.max_new_tokens,
            "sampling": None if request.sampling is None else asdict(request.sampling),
            "contrastive": self.contrastive,
            "plain": self.plain,
            "versions": package_versions(*PACKAGES),
        }
        return json_text(recorded)


def continued(request: TextRequest, language: LanguageModel, *, drafts: bool = True) -> Outcome:
    """Continue the prompt by the method and plainly.

    Args:
        request: What to continue, and how.
        language: The model.
        drafts: Whether the method reads several tokens at once where it can, which changes no token.

    Raises:
        ValueError: A parameter is out of range, or the model cannot serve the method.
        ModelLoadError: The amateur cannot be loaded.
    """
    from counterfoil.decoding.decoder import Decoder

    model: Any = language.model
    inputs = _tokens(request.prompt, request, language)
    contrasts = [_tokens(text, request, language) for text in request.contrasts] or None
    decoder = Decoder(request.decoding, language, drafts=drafts)

    def text(method: Mapping[str, Any]) -> str:
        output = model.generate(
            **inputs,
            **method,
            **_sampling_keywords(request.sampling),
            max_new_tokens=request.max_new_tokens,
            pad_token_id=language.tokenizer.pad_token_id,
        )
        new = output[:, inputs["input_ids"].shape[1] :]
        return language.tokenizer.batch_decode(new, skip_special_tokens=True)[0]

    decoding = request.decoding
    contrastive, plain = text(decoder.options(inputs, contrasts)), text({})
    return Outcome(request, language.name, decoding.label, decoding.settings, contrastive, plain)


def answered(request: ImageRequest, vision: VisionModel, *, drafts: bool = True) -> Outcome:
    """Answer the question about the image by the method and plainly.

    Args:
        request: What to ask, and how to answer.
        vision: The model.
        drafts: As for :func:`continued`.

    Raises:
        ValueError: The file is no image, a parameter is out of range, or the model cannot serve the method.
    """
    from counterfoil.decoding import image_inputs
    from counterfoil.decoding.decoder import ImageDecoder

    model: Any = vision.model
    asked = (request.image, request.question)
    inputs = image_inputs(vision.model, vision.processor, asked)
    decoder = ImageDecoder(request.decoding, vision, drafts=drafts)
    options = decoder.options(asked, request.seed)

    def text(method: dict[str, Any]) -> str:
        output = model.generate(
            **inputs, **method, **_sampling_keywords(request.sampling), max_new_tokens=request.max_new_tokens
        )
        return vision.processor.tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)

    contrastive, plain = text(options), text({})
    views = _views(options["logits_processor"])
    return Outcome(request, vision.name, request.decoding.label, request.decoding.settings, contrastive, plain, views)


def print_side_by_side(out: Console, outcome: Outcome) -> None:
    """Print the contrastive and the plain text: in two columns on a terminal, else one after the other."""
    columns = ((outcome.label, outcome.contrastive), ("plain decoding", outcome.plain))
    for name, view in outcome.views.items():
        out.print(Text(f"{name}: {_shown(view)}\n"), soft_wrap=True)
    if out.is_terminal:
        table = Table(show_lines=False, padding=(0, 1))
        for label, _ in columns:
            table.add_column(Text(label), ratio=1, overflow="fold")
        table.add_row(*(Text(_shown(text)) for _, text in columns))
        out.print(table)
        return
    for number, (label, text) in enumerate(columns):
        print_line(out, Text(f"{'' if number == 0 else chr(10)}{label}\n{_shown(text)}"))


def _sampling(sample: bool, given: Mapping[str, Any]) -> Sampling | None:
    """Return how to sample; `None` is greedy decoding."""
    known = {name: value for name, value in given.items() if value is not None}
    if known and not sample:
        raise ValueError(f"--{next(iter(known)).replace('_', '-')} goes with --sample, which is missing. Add it")
    return Sampling(**known) if sample else None


def _image_request(
    decoding: Decoding,
    image: Path | None,
    question: str | None,
    others: Mapping[str, object],
    model: str | None,
    max_new_tokens: int,
    sampling: Sampling | None,
    seed: int,
) -> ImageRequest:
    if image is None or question is None:
        missing, there = ("--image", "--question") if image is None else ("--question", "--image")
        raise ValueError(f"{missing} is missing: it goes with {there}. Add it")
    if given := [name for name, value in others.items() if value is not None]:
        raise ValueError(f"{given[0]} has to be left out beside --image, whose prompt is made of --question")
    if model is None:
        raise ValueError(
            "--model is missing: name a vision-language model by hub id or folder, or scenes, the small one that is "
            "shipped and knows drawn scenes alone"
        )
    return ImageRequest(decoding, image, question, max_new_tokens, sampling, seed)


def _sampling_keywords(sampling: Sampling | None) -> dict[str, Any]:
    """Return keywords of `generate()`, and set the random generator so that both texts get the same draw."""
    if sampling is None:
        return {"do_sample": False}
    import torch

    torch.manual_seed(sampling.seed)
    return {"do_sample": True, "temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0}


def _tokens(text: str, request: TextRequest, language: LanguageModel) -> Mapping[str, Any]:
    tokenizer = language.tokenizer
    if not request.chat:
        return tokenizer(text, return_tensors="pt").to(language.model.device)
    if tokenizer.chat_template is None:
        raise ValueError(f"--chat needs a model with a chat template, but {language.name} has none. Leave it out")
    said: Any = tokenizer.apply_chat_template(
        [{"role": "user", "content": text}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    return said.to(language.model.device)


def _views(processors: list[Any]) -> dict[str, str]:
    """Return what the image was compared with, if that was drawn or written for this call."""
    found = [compared for processor in processors for compared in processor.compared_with.items()]
    return {name: "; ".join(map(str, made)) for name, made in found if made}


def _shown(text: str) -> str:
    return printable(text).strip() or "(the model wrote nothing)"
