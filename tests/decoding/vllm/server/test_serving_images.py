"""Images over HTTP: a tiny Idefics3 behind `counterfoil serve`, asked with the official client."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("vllm", reason="the server is vLLM's")

from counterfoil.decoding.images import add_noise
from openai import BadRequestError, OpenAI
from PIL import Image

from tests.support.engine_vision import FORBIDDEN, SIDE, all_logits, saved_vision, vcd
from tests.support.tiny_vision import images
from tests.support.vllm_server import ServerProcess, served

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

SMALL = {
    "dtype": "float32",
    "max-model-len": "128",
    "block-size": "32",
    "num-gpu-blocks-override": "8",
    "max-num-seqs": "4",
    "enforce-eager": "",
}
"""A cache in which one request fits at full length, and a pair does not."""

TEXT = "w10 w11 w12"
NEW = 6


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with served(SMALL, model=str(saved_vision()[0])) as running:
        yield running
        running.settle()
        assert running.metrics()["counterfoil:violations_total"] == 0


def asked(
    server: ServerProcess,
    image: Image.Image,
    keys: dict[str, Any] | None,
    *,
    max_tokens: int = NEW,
    prompt_logprobs: int | None = None,
) -> Any:
    file = io.BytesIO()
    image.save(file, format="PNG")
    url = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    content: Any = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": TEXT}]
    client = OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=120)
    return client.chat.completions.create(
        model=server.model,
        messages=[{"role": "user", "content": content}],
        temperature=0,
        logit_bias=FORBIDDEN,
        max_tokens=max_tokens,
        extra_body={
            "vllm_xargs": keys or {},
            "return_token_ids": True,
            "ignore_eos": True,
            "prompt_logprobs": prompt_logprobs,
        },
    )


def expected(image: Image.Image, prompt: list[int], new: list[int], seed: int) -> list[int]:
    """The rule on a forward of each view in transformers, wherever `new` stands."""
    vision = saved_vision()[1]
    content = [{"type": "image"}, {"type": "text", "text": TEXT}]
    text = vision.processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    inputs = dict(vision.processor(text=[text], images=[[image]], return_tensors="pt"))
    assert inputs["input_ids"][0].tolist() == prompt
    main, contrast = (all_logits(vision, i, new) for i in (inputs, add_noise(inputs, step=500, seeds=[seed])))
    return [int(vcd(m, c).argmax()) for m, c in zip(main, contrast, strict=True)]


def test_vcd_is_the_rule_on_a_noised_image(server: ServerProcess) -> None:
    image = images([(SIDE, SIDE)], seed=3)[0]
    for seed in (0, 1, 0):  # the last time, image and prompt come from vLLM's caches
        answer = asked(server, image, {"cf_method": "vcd", "cf_noise_step": 500, "cf_seed": seed})
        tokens = answer.choices[0].token_ids
        assert tokens == expected(image, answer.prompt_token_ids, tokens, seed)


@pytest.mark.parametrize(
    ("options", "reason"), [({"max_tokens": 110}, "there is room for"), ({"prompt_logprobs": 1}, "`prompt_logprobs`")]
)
def test_an_image_of_a_refused_request_can_be_sent_again(
    server: ServerProcess, options: dict[str, int], reason: str
) -> None:
    """What was not admitted never reached the engine, whatever the server has kept of it."""
    image = images([(SIDE, SIDE)], seed=len(reason))[0]
    with pytest.raises(BadRequestError, match=reason):
        asked(server, image, {"cf_method": "vcd"}, **options)
    answer = asked(server, image, {"cf_method": "vcd", "cf_noise_step": 500})
    tokens = answer.choices[0].token_ids
    assert tokens == expected(image, answer.prompt_token_ids, tokens, 0)


def test_a_contrast_with_images_of_its_own_is_refused(server: ServerProcess) -> None:
    image = images([(SIDE, SIDE)], seed=5)[0]
    with pytest.raises(BadRequestError, match="the contrast has to be text alone, but has images of its own"):
        asked(server, image, {"cf_method": "cad", "cf_documents": ["w20 w21"]})
    asked(server, image, None)
    answer = asked(server, image, {"cf_method": "cad", "cf_contrast_prompt": TEXT})
    assert len(answer.choices[0].token_ids) == NEW
