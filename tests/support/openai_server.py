"""A server that speaks the OpenAI protocol and decodes with the tiny model; with or without knowing `cf_` keys."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from counterfoil.decoding.by_name import Decoding, parameters_of
from counterfoil.eval.engines.local import LocalEngine
from counterfoil.eval.requests import Generation

from tests.support.tiny_language import tiny_language

MODEL = "tiny"


@contextmanager
def openai_server(
    *,
    plug_in: bool = True,
    models: tuple[str, ...] = (MODEL,),
    root: str | None = None,
    key: str | None = None,
    rejects: tuple[str, ...] = (),
    searches: bool = True,
) -> Iterator[tuple[str, list[dict]]]:
    """Serve while the block runs; give the address and the bodies of the requests that were answered.

    Args:
        plug_in: Whether the server knows `cf_` keys.
        models: Names that it lists.
        root: What it says that it loaded.
        key: The key that it asks for.
        rejects: Fields of a request that it refuses, as OpenAI's reasoning models do.
        searches: Whether it was started for contrastive search, which it refuses otherwise.
    """
    seen: list[dict] = []
    engine, lock = LocalEngine(tiny_language(), batch_size=1), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def allowed(self) -> bool:
            if key is None or self.headers.get("Authorization") == f"Bearer {key}":
                return True
            self.reply(401, {"error": {"message": "Incorrect API key provided", "type": "x", "code": 401}})
            return False

        def do_GET(self) -> None:
            if not self.allowed():
                return
            self.reply(
                200, {"object": "list", "data": [{"id": n, "object": "model", "root": root or n} for n in models]}
            )

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            chat = self.path.endswith("/chat/completions")
            if not self.allowed():
                return
            for field in rejects:
                if field in body:
                    said = f"Unsupported parameter: '{field}'. Use 'max_completion_tokens' instead."
                    self.reply(400, {"error": {"message": said, "type": "x", "param": field, "code": "x"}})
                    return
            try:
                decoding, request = asked(body, chat, plug_in)
                if decoding.method == "contrastive_search" and not searches:
                    raise ValueError("`cf_method` has to be one that this server was started for")
            except ValueError as error:
                self.reply(400, {"error": {"message": str(error), "type": "BadRequestError", "code": 400}})
                return
            with lock:
                ((text,),) = engine.answer([decoding], [request])
                seen.append(body)
            choice = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
            answer = {"id": "1", "created": 0, "model": body["model"], "choices": [{"index": 0, **choice}]}
            self.reply(200, {**answer, "object": "chat.completion" if chat else "text_completion"})

        def reply(self, status: int, content: dict[str, Any]) -> None:
            raw = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def asked(body: dict, chat: bool, plug_in: bool) -> tuple[Decoding, Generation]:
    """What a request asks for, as the plug-in reads it: unknown methods and keys are refused."""
    keys = dict(body.get("vllm_xargs", {})) if plug_in else {}
    method = keys.pop("cf_method", "none")
    contrast = keys.pop("cf_contrast_prompt", None)
    if "cf_contrast_messages" in keys:
        contrast = json.loads(keys.pop("cf_contrast_messages"))[-1]["content"]
    for key in keys:
        if key.removeprefix("cf_") not in [parameter.name for parameter in parameters_of(method)]:
            raise ValueError(f"`{key}` has to be a key of {method}")
    decoding = Decoding(method, {key.removeprefix("cf_"): value for key, value in keys.items()})
    prompt = body["messages"][-1]["content"] if chat else body["prompt"]
    assert body.get("temperature", 0.0) == 0.0
    longest = body.get("max_tokens", body.get("max_completion_tokens"))
    return decoding, Generation(prompt, longest, contrast, tuple(body.get("stop") or ()))
