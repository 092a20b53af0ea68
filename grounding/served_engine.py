"""The engine behind an OpenAI-compatible server, decoded against the same contrast as the engine in this process.

A contrast travels in `vllm_xargs`, which a server without this library's plug-in leaves unread: it would answer
plainly. So it is asked beforehand for a method that does not exist, and has to refuse.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from counterfoil.attribution.chat import Message, openai_client
from counterfoil.attribution.retrieval import Passage
from counterfoil.attribution.text.segmentation import sentences
from counterfoil.decoding.methods import METHODS, Method
from counterfoil.decoding.vllm.contrast_params import METHOD, PREFIX, TRACE
from counterfoil.decoding.vllm.contrast_prompts import MESSAGES_KEY
from counterfoil.decoding.vllm.method_descriptions import PATH, declared

from .contrasts import compares_documents, document_methods, rule_parameters
from .engine import Generated, Limits, OnText, Prompt, Written, finished, generated, trace_spans
from .messages import INSTRUCTION, in_reading_order, user_message

PROBE = "counterfoil-probe"

Messages = list[Message]


class ServedEngine:
    """A language model behind a server; see :class:`~counterfoil.grounding.engine.Engine`.

    Args:
        url: The server's address with the version, as `http://localhost:8000/v1`.
        model: The model's name there; `None` takes the only model, by whichever of its names comes last.
        api_key: The server's key; `None` for `OPENAI_API_KEY` of the environment.

    Raises:
        ImportError: Without openai; the message has the `pip install` line.
        ValueError: The server cannot be reached, or has several models and none is named.
    """

    def __init__(self, url: str, model: str | None = None, *, api_key: str | None = None) -> None:
        self._client: Any = openai_client(url, api_key)
        self.url = url
        served = served_models(self._client, url)
        self.name = model or only_model(served, url)
        self._longest = next((m.longest for m in served if self.name in m.names), None)
        self._knows_methods: bool | None = None
        self._methods: tuple[type[Method], ...] | None = None

    def prompt(self, question: str, passages: Sequence[Passage], max_new_tokens: int) -> Prompt[Messages]:
        """Return the prompt with as many of the best passages as the context holds beside the answer.

        A server that does not count tokens (vLLM does) gets all passages, and says itself if they do not fit.

        Raises:
            ValueError: Not even one passage fits.
        """
        for n_read in range(len(passages), 0, -1):
            read = in_reading_order(passages[:n_read])
            main = _conversation(user_message(question, read))
            length = self._length(main)
            if self._longest is None or length is None or length + max_new_tokens <= self._longest:
                contrast = _conversation(user_message(question, ()))
                return Prompt(read, tuple(passages[n_read:]), main, contrast)
        raise ValueError(
            f"the question, one passage and {max_new_tokens} new tokens do not fit the context of {self.name}, "
            f"which is {self._longest} tokens. Ask more briefly, lower `max_new_tokens`, or choose another model"
        )

    def generate(
        self, prompt: Prompt[Messages], *, method: Method | None, limits: Limits, on_text: OnText | None = None
    ) -> Generated:
        """Decode one answer greedily, streamed; the server stops when enough sentences are there.

        Args:
            prompt: From :meth:`prompt`.
            method: What combines the two views; `None` decodes plainly.
            limits: When to stop.
            on_text: Called after each piece that the server sends.

        Raises:
            ValueError: The server does not know contrasts, or a value that it cannot be sent; or the server refuses the
                request, or breaks off.
        """
        from openai import OpenAIError  # noqa: PLC0415 (an extra)

        keys: dict[str, Any] = {}
        if method is not None:
            if not self.knows_methods():
                raise ValueError(
                    f"the server at {self.url} does not know cf_method; start it with `counterfoil serve`, or set "
                    '`method` to "none"'
                )
            keys = {**_keys(method, prompt.contrast), TRACE: True}
        received = _Received()
        try:
            with self._client.chat.completions.create(
                model=self.name,
                messages=prompt.main,
                temperature=0.0,
                max_tokens=limits.max_new_tokens,
                stream=True,
                stream_options={"include_usage": True},
                extra_body={"vllm_xargs": keys} if keys else None,
            ) as chunks:
                for so_far in received.read(chunks, limits):
                    if on_text is not None:
                        on_text(so_far)
        except OpenAIError as error:
            raise ValueError(f"the server at {self.url} gave no answer: {error}") from error
        return generated(
            received.text,
            received.n_tokens,
            limits,
            ended=received.finish_reason == "stop",
            ends=received.ends,
            values=received.values,
        )

    def knows_methods(self) -> bool:
        """Return whether the server has the plug-in; it is asked once."""
        if self._knows_methods is None:
            self._knows_methods = self._rejects({METHOD: PROBE})
        return self._knows_methods

    def methods(self) -> tuple[type[Method], ...]:
        """Return the methods that the server serves: those of this process, and rules of its own, which it describes.

        It is asked for a token by each, once.

        Raises:
            ValueError: The server gives no answer.
        """
        from openai import OpenAIError  # noqa: PLC0415 (an extra)

        if self._methods is None:
            other = _conversation("b")
            try:
                known = (*document_methods().values(), *self._rules()) if self.knows_methods() else ()
                self._methods = tuple(method for method in known if not self._rejects(_keys(method(), other)))
            except OpenAIError as error:
                raise ValueError(f"the server at {self.url} gave no answer: {error}") from error
        return self._methods

    def _rules(self) -> Iterator[type[Method]]:
        """Yield the methods that the server describes and this process does not know; an older server has none."""
        from openai import NotFoundError  # noqa: PLC0415 (an extra)

        try:
            found = self._client.get(PATH.removeprefix("/v1"), cast_to=object)
        except NotFoundError:
            return
        for description in (found.get("methods") if isinstance(found, Mapping) else None) or ():
            method = None if description.get("name") in METHODS else declared(description)
            if method is not None and compares_documents(method):
                yield method

    def _rejects(self, keys: Mapping[str, Any]) -> bool:
        """Return whether the server refuses one token by these keys."""
        create = self._client.chat.completions.create
        turn = _conversation("a")
        extra = {"vllm_xargs": dict(keys)}
        return rejects(lambda: create(model=self.name, messages=turn, max_tokens=1, temperature=0.0, extra_body=extra))

    def _length(self, messages: Messages) -> int | None:
        """Return how many tokens a conversation has, `None` if the server does not count them."""
        from openai import OpenAIError  # noqa: PLC0415 (an extra)

        if self._longest is None:
            return None
        address = f"{self.url.rstrip('/').removesuffix('/v1')}/tokenize"
        try:
            found = self._client.post(address, body={"model": self.name, "messages": messages}, cast_to=object)
        except OpenAIError:
            return None
        count = found.get("count") if isinstance(found, Mapping) else None
        return count if isinstance(count, int) else None


class ServedModel:
    """A model of a server.

    Args:
        listed: What the server lists of it.

    Attributes:
        names: All names that it is served under.
        longest: The most tokens that it reads and writes together, `None` if the server does not say.
    """

    def __init__(self, listed: Any) -> None:  # noqa: ANN401 (the client's, with fields of the server's own)
        self.names = [listed.id]
        self.longest: int | None = getattr(listed, "max_model_len", None)


def served_models(client: Any, url: str) -> list[ServedModel]:  # noqa: ANN401 (an extra's type)
    """Return the models of a server; vLLM lists every name of one, and says as `root` what it loaded.

    Raises:
        ValueError: The server does not answer, or asks for another key.
    """
    from openai import AuthenticationError, OpenAIError, PermissionDeniedError  # noqa: PLC0415 (an extra)

    found: dict[str, ServedModel] = {}
    try:
        for listed in client.models.list():
            root = getattr(listed, "root", None) or listed.id
            if root in found:
                found[root].names.append(listed.id)
            else:
                found[root] = ServedModel(listed)
    except (AuthenticationError, PermissionDeniedError) as error:
        raise ValueError(
            f"`api_key` has to be a key of {url}, or OPENAI_API_KEY has to be set, but it answers: {error}"
        ) from error
    except OpenAIError as error:
        raise ValueError(f"`endpoint` has to be a server that answers, but {url} does not: {error}") from error
    return list(found.values())


def only_model(served: Sequence[ServedModel], url: str) -> str:
    """Return the last name of the only model.

    Raises:
        ValueError: There is none, or several.
    """
    if len(served) != 1:
        named = ", ".join(model.names[-1] for model in served)
        raise ValueError(f"`model` has to be given: {url} serves {named or 'no model'}")
    return served[0].names[-1]


def rejects(ask: Callable[[], object]) -> bool:
    """Return whether a server answers a request by an error of the client's.

    Args:
        ask: Sends the request.
    """
    from openai import BadRequestError, UnprocessableEntityError  # noqa: PLC0415 (an extra)

    try:
        ask()
    except (BadRequestError, UnprocessableEntityError):
        return True
    return False


def _keys(method: Method, contrast: Messages) -> dict[str, Any]:
    """Return the keys that ask for a method against another conversation.

    Raises:
        ValueError: A parameter has a value that has no place in a request.
    """
    keys: dict[str, Any] = {METHOD: method.name}
    for parameter in rule_parameters(type(method)):
        value = getattr(method, parameter.name)
        if value is not None and parameter.is_served:
            keys[PREFIX + parameter.name] = list(value) if isinstance(value, tuple) else value
        elif value != parameter.default:
            raise ValueError(
                f"`{parameter.name}` of {method.name} has to be left at {parameter.default!r} where a server decodes, "
                f"because a request cannot say {value!r}"
            )
    return {**keys, MESSAGES_KEY: json.dumps(contrast, ensure_ascii=False)}


def _conversation(message: str) -> Messages:
    return [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": message}]


class _Received:
    """What a stream of chunks adds up to."""

    def __init__(self) -> None:
        self.text = ""
        self.n_tokens = 0
        self.finish_reason = ""
        self.values: list[float] = []
        self._tokens: list[bytes] = []

    def read(self, chunks: Any, limits: Limits) -> Iterator[Written]:  # noqa: ANN401 (an extra's type)
        """Yield what was written after each chunk, until enough sentences are there."""
        for chunk in chunks:
            if getattr(chunk, "usage", None) is not None:
                self.n_tokens = chunk.usage.completion_tokens
            if not chunk.choices:
                continue
            choice = chunk.choices[0]
            self.text += choice.delta.content or ""
            self.finish_reason = choice.finish_reason or self.finish_reason
            logprobs = getattr(choice, "logprobs", None)
            entries = getattr(logprobs, "content", None) or ()
            self.n_tokens += len(entries) or bool(choice.delta.content)
            for token, views in zip(entries, getattr(logprobs, "cf_trace", None) or (), strict=False):
                self._tokens.append(token.token.encode() if token.bytes is None else bytes(token.bytes))
                self.values.append(views["main"] - views["contrasts"][0])
            end = finished(self.text, limits)[1]
            yield Written(self.text, self.n_tokens, trace_spans(self.ends, self.values, 0, end) if end else ())
            if len(sentences(self.text)) > limits.max_sentences:
                return

    @property
    def ends(self) -> list[int]:
        """Return where each token ends in the text; as far as tokens and text agree.

        A token may be a part of a letter, and servers leave out the space that some tokenizers have before a word.
        """
        found: list[int] = []
        written = self.text.encode()
        place = 0
        for token in self._tokens:
            while not written.startswith(token, place) and written[place : place + 1].isspace():
                place += 1
            if not written.startswith(token, place):
                break
            place += len(token)
            found.append(len(written[:place].decode("utf-8", "ignore")))
        return found
