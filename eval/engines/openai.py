"""Any server that speaks the OpenAI protocol; contrastive methods need one with this library's plug-in.

A method travels in `vllm_xargs`: `cf_method`, its parameters, and the other prompt. A server without the plug-in would
leave these keys unread and answer plainly, so it is asked beforehand for a method that does not exist, and has to
refuse.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal, cast

from counterfoil.decoding.by_name import Decoding

from ..requests import Generation, Request, Response

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SERVED = ("none", "cad", "cid", "contrastive_decoding")
"""The methods that a server can decode by: those that combine two sequences."""

PROBE = "counterfoil-probe"


class EndpointEngine:
    """Answers through a server.

    Args:
        url: Its address with the version, as `http://localhost:8000/v1`.
        model: The model's name there; `None` takes the only model, by whichever of its names comes last.
        at_once: How many requests are under way at a time.
        chat: Prompts are sent to the chat endpoint, as what a user says.
        tokenizer: Hub id or folder of the model's tokenizer; the model's name by default.
        api_key: Where the server wants one.

    Raises:
        ImportError: Without openai; the message has the `pip install` line.
        ValueError: The server cannot be reached, or has several models and none is named.
    """

    def __init__(
        self,
        url: str,
        model: str | None = None,
        *,
        at_once: int = 8,
        chat: bool = False,
        tokenizer: str | None = None,
        api_key: str | None = None,
    ) -> None:
        try:
            from openai import OpenAI, OpenAIError  # noqa: PLC0415
        except ImportError as error:
            raise ImportError(f'a server is asked with openai ({error}): pip install "counterfoil[judge]"') from error
        self._client = OpenAI(base_url=url, api_key=api_key or "none")
        try:
            # vLLM lists every name of a model and says as `root` what it loaded: two names are no choice.
            served = {getattr(found, "root", None) or found.id: found.id for found in self._client.models.list()}
        except OpenAIError as error:
            raise ValueError(f"--endpoint has to be a server that answers, but {url} does not: {error}") from error
        if model is None and len(served) != 1:
            raise ValueError(f"--model has to be given: {url} serves {', '.join(served.values()) or 'no model'}")
        self.url, self.at_once, self.chat = url, at_once, chat
        self._model = model or next(iter(served.values()))
        self._tokenizer = tokenizer or self._model
        self._has_plug_in: bool | None = None

    @property
    def name(self) -> str:
        """The model's name on the server."""
        return self._model

    @property
    def settings(self) -> Mapping[str, Any]:
        """The protocol and whether prompts go to the chat endpoint; the address is left out, it may be private."""
        return {"engine": "openai", "chat": self.chat}

    def load_tokenizer(self) -> PreTrainedTokenizerBase:
        """The model's tokenizer, from the hub or a folder: the protocol has none.

        Raises:
            ValueError: There is none of this name.
        """
        from counterfoil.models import language_model_path  # noqa: PLC0415
        from transformers import AutoTokenizer  # noqa: PLC0415

        try:
            return AutoTokenizer.from_pretrained(language_model_path(self._tokenizer), padding_side="left")
        except (OSError, ValueError) as error:
            raise ValueError(
                f"this task counts tokens, but there is no tokenizer {self._tokenizer!r}. Name one with --tokenizer"
            ) from error

    def refuses(self, kind: Literal["generation", "likelihood"], decoding: Decoding) -> str | None:
        """What a server has no way to do, or this one cannot."""
        if kind == "likelihood":
            return "a server gives no contrastive log-probabilities of given texts; leave --endpoint out"
        if decoding.method not in SERVED:
            return f"{decoding.method} cannot be served, only {', '.join(SERVED)}; leave --endpoint out"
        amateurs = [name for name in ("amateur", "early_exit") if name in decoding.parameters]
        if amateurs:
            return f"`{amateurs[0]}` is chosen when a server is started; a request can name `cut_context`"
        if decoding.method != "none" and not self._knows_methods():
            return f"the server at {self.url} does not know cf_method; start it with `counterfoil serve`"
        return None

    def answer(self, decodings: Sequence[Decoding], requests: Sequence[Request]) -> list[list[Response]]:
        """Sends the requests, several at a time."""
        asked = [cast("Generation", request) for request in requests]
        with ThreadPoolExecutor(self.at_once) as pool:
            return [
                list(pool.map(lambda request, decoding=decoding: self._text(decoding, request), asked))
                for decoding in decodings
            ]

    def _text(self, decoding: Decoding, request: Generation) -> str:
        keys = self._keys(decoding, request)
        return self._complete(request.prompt, request.max_new_tokens, request.stop, keys)

    def _keys(self, decoding: Decoding, request: Generation) -> dict[str, Any]:
        if decoding.method == "none":
            return {}
        given = {name: value for name, value in decoding.settings.items() if value is not None}
        keys = {"cf_method": decoding.method, **{f"cf_{name}": value for name, value in given.items()}}
        if decoding.takes_contrast and request.contrast is not None:
            said = json.dumps([{"role": "user", "content": request.contrast}], ensure_ascii=False)
            keys |= {"cf_contrast_messages": said} if self.chat else {"cf_contrast_prompt": request.contrast}
        return keys

    def _complete(self, prompt: str, new_tokens: int, stop: Sequence[str], keys: Mapping[str, Any]) -> str:
        api: Any = self._client
        options = {"model": self._model, "max_tokens": new_tokens, "temperature": 0.0, "stop": list(stop) or None}
        if keys:
            options["extra_body"] = {"vllm_xargs": dict(keys)}
        if self.chat:
            turn = [{"role": "user", "content": prompt}]
            return api.chat.completions.create(messages=turn, **options).choices[0].message.content or ""
        return api.completions.create(prompt=prompt, **options).choices[0].text

    def _knows_methods(self) -> bool:
        from openai import BadRequestError, UnprocessableEntityError  # noqa: PLC0415

        if self._has_plug_in is None:
            try:
                self._complete("a", 1, (), {"cf_method": PROBE})
                self._has_plug_in = False
            except (BadRequestError, UnprocessableEntityError):
                self._has_plug_in = True
        return self._has_plug_in
