"""Chat models: on this machine, or behind an endpoint that speaks the OpenAI protocol.

The one client of everything that holds conversations with a model: judges, claim writers, localisation by prompting.
"""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from counterfoil.models.checkpoints import in_halves, load_pretrained, loading_options, on_device, revision_of

if TYPE_CHECKING:
    import openai

Message = dict[str, str]
"""`{"role": ..., "content": ...}`."""

_LAST_COMMA = re.compile(r",(\s*[}\]])")


@dataclass(frozen=True)
class Reply:
    """The reply to one conversation.

    Args:
        text: What the model wrote; `None` if nothing came back.
        prompt_tokens: Tokens read, as the endpoint counts them.
        completion_tokens: Tokens written.
        failure: Why nothing came back.
        cut: Whether the reply ends at the limit of tokens.
    """

    text: str | None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    failure: str | None = None
    cut: bool = False


class Chat(Protocol):
    """Anything that answers conversations.

    Attributes:
        name: Identifies the model, where it runs, and the settings that its replies depend on; part of cache keys.
    """

    @property
    def name(self) -> str:
        """Return model, place and settings."""
        ...

    def replies(self, conversations: Sequence[Sequence[Message]]) -> list[Reply]:
        """Return one reply a conversation, in order; a conversation that fails does not raise."""
        ...


def load_chat(model: Chat | str | None = None, *, base_url: str | None = None, **settings: Any) -> Chat:  # noqa: ANN401 (checked by the class)
    """Return a chat model: behind the endpoint if one is named, else on this machine.

    Args:
        model: A chat model, which is returned; its name at the endpoint; or without an endpoint, a hub id or folder.
            `None` for SmolLM2-135M-Instruct on this machine.
        base_url: An OpenAI-compatible endpoint, with its `/v1`; `None` for `OPENAI_BASE_URL` of the environment if a
            model is named.
        **settings: See :class:`OpenAIChat` and :class:`LocalChat`.

    Raises:
        ValueError: For an endpoint without the name of a model.
        ImportError: If an endpoint is named and the extra `judge` is not installed.
        TypeError: For a setting that the class does not take.
    """
    if model is not None and not isinstance(model, str):
        return model
    if model is not None:
        base_url = base_url or os.environ.get("OPENAI_BASE_URL")
    elif base_url:
        raise ValueError("`model` has to name a model at the endpoint, but is None")
    if base_url:
        return OpenAIChat(str(model), base_url, **settings)
    return LocalChat(model, **settings)


class LocalChat:
    """Answers conversations greedily, in batches.

    Args:
        model: Hub id or path of a model with a chat template; `None` for SmolLM2-135M-Instruct.
        revision: Branch, tag or commit of the hub.
        device: A torch device; `None` for a GPU if there is one.
        device_map: Passed to `from_pretrained`.
        max_tokens: The most tokens a reply may have.
        rows: Conversations in one forward pass.

    Raises:
        ValueError: If the model has no chat template.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        revision: str | None = None,
        device: str | None = None,
        device_map: str | None = None,
        max_tokens: int = 256,
        rows: int = 8,
    ) -> None:
        from counterfoil.models import language_model_path  # noqa: PLC0415 (seconds to import, as the next)
        from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415

        path = language_model_path(model)
        self.tokenizer: Any = load_pretrained(AutoTokenizer, path, revision=revision or "main", padding_side="left")
        if self.tokenizer.chat_template is None:
            raise ValueError(f"`model` has to have a chat template, but {model!r} has none")
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        loaded = load_pretrained(AutoModelForCausalLM, path, **loading_options(device, device_map, revision))
        self.model = on_device(loaded, device)
        self.max_tokens = max_tokens
        self.rows = rows
        dtype = str(self.model.dtype).removeprefix("torch.")
        self.name = f"{model or 'smollm2'}@{revision_of(path, loaded) or 'local'}/max_tokens={max_tokens}"
        self.name += "" if dtype == "float32" else f"+{dtype}"

    def replies(self, conversations: Sequence[Sequence[Message]]) -> list[Reply]:
        """Return one reply a conversation, in order; one that does not fit into memory fails alone."""
        too_large = Reply(None, failure="the conversation does not fit into the device's memory")
        found: list[Reply] = []
        for start in range(0, len(conversations), self.rows):
            found.extend(in_halves(self._batch, conversations[start : start + self.rows], too_large))
        return found

    def _batch(self, conversations: Sequence[Sequence[Message]]) -> list[Reply]:
        import torch  # noqa: PLC0415

        texts = [
            self.tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)
            for messages in conversations
        ]
        inputs = self.tokenizer(texts, padding=True, return_tensors="pt", add_special_tokens=False)
        with torch.inference_mode():
            written = self.model.generate(
                **inputs.to(self.model.device),
                do_sample=False,
                max_new_tokens=self.max_tokens,
                pad_token_id=self.tokenizer.pad_token_id,
            )
        new = written[:, inputs["input_ids"].shape[1] :]
        replies = self.tokenizer.batch_decode(new, skip_special_tokens=True)
        read = inputs["attention_mask"].sum(dim=1).tolist()
        wrote = (new != self.tokenizer.pad_token_id).sum(dim=1).tolist()
        return [Reply(t, r, w, cut=w >= self.max_tokens) for t, r, w in zip(replies, read, wrote, strict=True)]


def openai_client(
    base_url: str, api_key: str | None = None, *, timeout: float = 60.0, retries: int = 4
) -> openai.OpenAI:
    """Return a client of an OpenAI-compatible endpoint.

    Args:
        base_url: The endpoint, with its `/v1`.
        api_key: Its key; `None` for `OPENAI_API_KEY` of the environment, which servers without keys ignore.
        timeout: Seconds after which a request is given up.
        retries: How often a request is repeated after a time-out, a lost connection, a 429 or a 5xx, with growing
            pauses, or those that the endpoint asks for.

    Raises:
        ValueError: For a time-out that is not above 0, or a negative number of retries.
        ImportError: Without openai; the message has the `pip install` line.
    """
    try:
        import openai  # noqa: PLC0415 (an extra)
    except ImportError as error:
        raise ImportError(
            f'a model behind an endpoint needs openai ({error}): pip install "counterfoil[judge]"'
        ) from error
    if not timeout > 0:
        raise ValueError(f"`timeout` has to be above 0, but is {timeout}")
    if retries < 0:
        raise ValueError(f"`retries` has to be at least 0, but is {retries}")
    key = api_key or os.environ.get("OPENAI_API_KEY") or "none"
    return openai.OpenAI(base_url=base_url, api_key=key, timeout=timeout, max_retries=retries)


class OpenAIChat:
    """Asks a model at an OpenAI-compatible endpoint, many conversations at a time.

    Models that reject `max_tokens` or `temperature` (OpenAI's reasoning models) are asked again with
    `max_completion_tokens`, or without a temperature, and so from then on; a warning says so once.

    Args:
        model: Name of the model at the endpoint.
        base_url: The endpoint, with its `/v1`.
        api_key: See :func:`openai_client`.
        concurrency: How many requests run at once.
        timeout: See :func:`openai_client`.
        retries: See :func:`openai_client`.
        max_tokens: The most tokens a reply may have, sent under this name; `None` is not sent.
        max_completion_tokens: The same under its newer name, which reasoning models need, and which counts what they
            think; `None` is not sent. It replaces `max_tokens`.
        temperature: Sampling temperature; `None` is not sent.
        response_format: Sent as it is, for example a JSON schema; `None` is not sent.
        extra_body: More fields of every request.

    Raises:
        ValueError: For a concurrency below 1; see also :func:`openai_client`.
        ImportError: Without openai; the message has the `pip install` line.
    """

    def __init__(
        self,
        model: str,
        base_url: str,
        *,
        api_key: str | None = None,
        concurrency: int = 16,
        timeout: float = 60.0,
        retries: int = 4,
        max_tokens: int | None = 256,
        max_completion_tokens: int | None = None,
        temperature: float | None = 0.0,
        response_format: Mapping[str, Any] | None = None,
        extra_body: Mapping[str, Any] | None = None,
    ) -> None:
        if concurrency < 1:
            raise ValueError(f"`concurrency` has to be at least 1, but is {concurrency}")
        self.model = model
        self.concurrency = concurrency
        self._client = openai_client(base_url, api_key, timeout=timeout, retries=retries)
        given = {
            "max_tokens": max_tokens if max_completion_tokens is None else None,
            "max_completion_tokens": max_completion_tokens,
            "temperature": temperature,
            "response_format": response_format and dict(response_format),
            "extra_body": extra_body and dict(extra_body),
        }
        self._request: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        shown = {name: value for name, value in self._request.items() if name != "response_format"}
        self.name = f"{model}@{base_url}/" + ",".join(f"{name}={value}" for name, value in shown.items())

    def replies(self, conversations: Sequence[Sequence[Message]]) -> list[Reply]:
        """Return one reply a conversation, in order; what fails after all retries says why."""
        pool = ThreadPoolExecutor(self.concurrency)
        try:
            return list(pool.map(self._reply, conversations))
        finally:
            # An interrupted run does not wait for the requests that have not begun.
            pool.shutdown(wait=True, cancel_futures=True)

    def _reply(self, messages: Sequence[Message]) -> Reply:
        import openai  # noqa: PLC0415 (an extra)

        request = self._request
        try:
            while True:
                try:
                    return _read(self._ask(messages, request))
                except openai.BadRequestError as error:
                    adapted = _without_what_is_rejected(request, error)
                    if adapted is None:
                        raise
                    if self._request == request:
                        warnings.warn(
                            f"{self.model} rejects a setting and is asked without it: {error.message}", stacklevel=2
                        )
                    request = self._request = adapted
        except openai.APITimeoutError:
            return Reply(None, failure=f"the model did not answer within {self._client.timeout:g} seconds")
        except openai.APIConnectionError as error:
            return Reply(None, failure=f"the endpoint cannot be reached: {error.__cause__ or error}")
        except openai.APIStatusError as error:
            return Reply(None, failure=f"the endpoint answered with HTTP status {error.status_code}: {error.message}")
        except (openai.OpenAIError, ValueError) as error:
            return Reply(None, failure=f"the endpoint's answer cannot be read: {error}")

    def _ask(self, messages: Sequence[Message], request: Mapping[str, Any]) -> Any:  # noqa: ANN401 (the client's type)
        sent: Any = list(messages)
        return self._client.chat.completions.create(model=self.model, messages=sent, **request)


def _without_what_is_rejected(request: Mapping[str, Any], error: openai.BadRequestError) -> dict[str, Any] | None:
    """Return the request in a form that was not rejected yet; `None` if the error is about something else."""
    message = f"{error.param or ''} {error.message}"
    if "max_tokens" in request and re.search(r"max_tokens.*max_completion_tokens", message, re.DOTALL):
        renamed = dict(request)
        renamed["max_completion_tokens"] = renamed.pop("max_tokens")
        return renamed
    if "temperature" in request and "temperature" in message:
        return {name: value for name, value in request.items() if name != "temperature"}
    return None


def _read(answer: Any) -> Reply:  # noqa: ANN401 (whatever an endpoint sends, which need not be what the client's types say)
    usage = getattr(answer, "usage", None)
    read, wrote = (int(getattr(usage, name, None) or 0) for name in ("prompt_tokens", "completion_tokens"))
    choices = getattr(answer, "choices", None)
    if not choices:
        said = getattr(answer, "error", None) or answer
        return Reply(None, read, wrote, failure=f"the endpoint sent no reply, but {str(said)[:80]!r}")
    first = choices[0]
    message, ended = getattr(first, "message", None), getattr(first, "finish_reason", None)
    text = _text(getattr(message, "content", None))
    refusal = getattr(message, "refusal", None)
    if refusal:
        return Reply(None, read, wrote, failure=f"the model refused: {refusal}")
    if not text:
        why = f" (finish_reason {ended!r})" if ended else ""
        return Reply(None, read, wrote, failure=f"the model returned nothing{why}", cut=ended == "length")
    return Reply(text, read, wrote, cut=ended == "length")


def _text(content: Any) -> str | None:  # noqa: ANN401 (a string, or a list of parts as some endpoints send)
    if isinstance(content, list):
        parts = [part.get("text") if isinstance(part, dict) else getattr(part, "text", None) for part in content]
        content = "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else None


def json_objects(text: str) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects that stand in a text, one after the other, behind what a model thought aloud.

    Read as small models write them: line breaks within strings, and commas behind the last entry.
    """
    text = spoken(text)
    decoder = json.JSONDecoder(strict=False, object_pairs_hook=_object)
    position = text.find("{")
    while position >= 0:
        for written in (text, text[:position] + _LAST_COMMA.sub(r"\1", text[position:])):
            try:
                value, end = decoder.raw_decode(written, position)
            except (ValueError, RecursionError):
                end = position + 1
            else:
                yield value
                text = written
                break
        position = text.find("{", end)


def spoken(text: str) -> str:
    """Return what a reply says behind what the model thought aloud; nothing if it did not stop thinking."""
    return text.rpartition("</think>")[2].partition("<think>")[0]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if any(found[key] != value for key, value in pairs):
        raise ValueError("a key has two values")
    return found
