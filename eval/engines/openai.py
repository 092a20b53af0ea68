"""Any server that speaks the OpenAI protocol; contrastive methods need one with this library's plug-in.

A method travels in `vllm_xargs`: `cf_method`, its parameters, and the other prompt. A server without the plug-in would
leave these keys unread and answer plainly, so it is asked beforehand for a method that does not exist, and has to
refuse.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

from counterfoil.attribution.chat import OpenAIChat, openai_client
from counterfoil.decoding.by_name import PLAIN, Decoding
from counterfoil.decoding.vllm import contrast_params
from counterfoil.grounding.served_engine import PROBE, only_model, rejects, served_models

from ..requests import Choice, Generation, Request, Response

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from ..task import Task

SILENT = ("the model returned nothing", "the model refused")


def served_methods() -> list[str]:
    """Return the names of the methods that a server can decode by: not those that need an image or hidden states."""
    served = contrast_params.served_methods().items()
    # A task gives each of its requests one contrast.
    return [PLAIN, *(name for name, method in served if not method.takes_image and method.contrasts == 1)]


class OpenAIEngine:
    """Answers through a server.

    Args:
        url: Its address with the version, as `http://localhost:8000/v1`.
        model: The model's name there; `None` takes the only model, by whichever of its names comes last.
        at_once: How many requests are under way at a time.
        chat: Send prompts to the chat endpoint, as what a user says.
        tokenizer: Hub id or folder of the model's tokenizer; the model's name by default.
        api_key: The server's key; `None` for `OPENAI_API_KEY` of the environment.

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
        self._client = openai_client(url, api_key)
        self._api_key = api_key
        self.url, self.at_once, self.chat = url, at_once, chat
        served = served_models(self._client, url)
        self._model = model or only_model(served, url)
        self._tokenizer = tokenizer or self._model
        self._has_plug_in: bool | None = None

    @property
    def name(self) -> str:
        """Return the model's name on the server."""
        return self._model

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return the protocol and whether prompts go to the chat endpoint; not the address, which may be private."""
        return {"engine": "openai", "chat": self.chat}

    def load_tokenizer(self) -> PreTrainedTokenizerBase:
        """Return the model's tokenizer, from the hub or a folder: the protocol has none.

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

    def described(self, method: Decoding) -> tuple[str, str, Mapping[str, Any]]:
        """Return a decoding's name, its label and all its parameters."""
        return method.method, method.label, method.settings

    def refuses(self, task: Task, method: Decoding) -> str | None:
        """Return what a server has no way to do, or this one cannot."""
        if issubclass(task.asks, Choice):
            return "a server gives no contrastive log-probabilities of given texts; leave --endpoint out"
        if method.method not in served_methods():
            return f"{method.method} cannot be served, only {', '.join(served_methods())}; leave --endpoint out"
        amateurs = [name for name in ("amateur", "early_exit") if name in method.parameters]
        if amateurs:
            return f"`{amateurs[0]}` is chosen when a server is started; a request can name `cut_context`"
        if method.method != PLAIN and not self._knows_methods():
            return f"the server at {self.url} does not know cf_method; start it with `counterfoil serve`"
        if any(one.contrast == "candidates" for one in method.methods) and self._rejects(self._keys(method, None)):
            return (
                f"the server at {self.url} serves no {method.method}; start it with `counterfoil serve "
                "--contrastive-search`"
            )
        return None

    def answer(self, methods: Sequence[Decoding], requests: Sequence[Request]) -> list[list[Response]]:
        """Send the requests, several at a time, and return the texts."""
        asked = [cast("Generation", request) for request in requests]
        found: list[list[Response]] = []
        with ThreadPoolExecutor(self.at_once) as pool:
            for decoding in methods:
                if self.chat and decoding.method == PLAIN:
                    found.append(self._chatted(asked))
                else:
                    found.append(list(pool.map(lambda one, decoding=decoding: self._text(decoding, one), asked)))
        return found

    def _chatted(self, requests: Sequence[Generation]) -> list[Response]:
        """Return what a user who says the prompts is answered, by the client that knows what models reject."""
        alike: dict[tuple[int, tuple[str, ...]], list[int]] = {}
        for place, request in enumerate(requests):
            alike.setdefault((request.max_new_tokens, request.stop), []).append(place)
        found: dict[int, str] = {}
        for (new_tokens, stop), places in alike.items():
            chat = OpenAIChat(
                self._model, self.url, api_key=self._api_key, concurrency=self.at_once, max_tokens=new_tokens,
                extra_body={"stop": list(stop)} if stop else None,
            )  # fmt: skip
            replies = chat.replies([[{"role": "user", "content": requests[place].prompt}] for place in places])
            for place, reply in zip(places, replies, strict=True):
                # Nothing, or a refusal, is an answer of the model; an endpoint that failed has given none.
                if reply.text is None and not (reply.failure or "").startswith(SILENT):
                    raise ValueError(f"{self.url} gave no answer to a prompt: {reply.failure}")
                found[place] = reply.text or ""
        return [found[place] for place in range(len(requests))]

    def _text(self, decoding: Decoding, request: Generation) -> str:
        keys = self._keys(decoding, request)
        return self._complete(request.prompt, request.max_new_tokens, request.stop, keys)

    def _keys(self, decoding: Decoding, request: Generation | None) -> dict[str, Any]:
        if decoding.method == PLAIN:
            return {}
        given = {name: value for name, value in decoding.settings.items() if value is not None}
        keys = {"cf_method": decoding.method, **{f"cf_{name}": value for name, value in given.items()}}
        if decoding.takes_contrast and request is not None and request.contrast is not None:
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
        if self._has_plug_in is None:
            self._has_plug_in = self._rejects({"cf_method": PROBE})
        return self._has_plug_in

    def _rejects(self, keys: Mapping[str, Any]) -> bool:
        return rejects(lambda: self._complete("a", 1, (), keys))
