"""A chat endpoint over HTTP that streams what a test tells it to, token by token, as vLLM does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from counterfoil.decoding.vllm.method_descriptions import PATH

END = b"<|im_end|>"


class StreamingServer(ThreadingHTTPServer):
    """Streams `tokens` with a contrast and `plain` without one; each may be a part of a letter.

    Attributes:
        bodies: What it was asked.
        sent: How many tokens of the last answer it sent before it ended, or the client left.
    """

    daemon_threads = True

    def __init__(self, tokens: list[bytes], plain: list[bytes], *, plug_in: bool, longest: int | None, key: str | None):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.tokens, self.plain, self.plug_in, self.longest, self.key = tokens, plain, plug_in, longest, key
        self.bodies: list[dict[str, Any]] = []
        self.sent = 0
        self.left = threading.Event()
        self.endless = False
        self.rules: list[dict[str, Any]] = []
        """What it describes of methods of its own."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StreamingServer

    def do_GET(self) -> None:
        if self.server.key and self.headers.get("Authorization") != f"Bearer {self.server.key}":
            self._json(401, {"error": {"message": "Incorrect API key provided", "code": 401}})
            return
        if self.path == PATH:
            self._json(200 if self.server.rules else 404, {"methods": self.server.rules})
            return
        model = {"id": "served", "object": "model", "root": "org/served", "max_model_len": self.server.longest}
        self._json(200, {"object": "list", "data": [{**model, "id": "org/served"}, model]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/tokenize":
            self._json(200, {"count": sum(len(message["content"].split()) for message in body["messages"])})
            return
        self.server.bodies.append(body)
        keys = body.get("vllm_xargs") or {} if self.server.plug_in else {}
        if keys and keys["cf_method"] not in ("cad", *(rule["name"] for rule in self.server.rules)):
            self._json(400, {"error": {"message": "`cf_method` has to be one of cad, but is something else"}})
        elif not body.get("stream"):
            message = {"role": "assistant", "content": "x"}
            self._json(200, {"id": "1", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
        else:
            with suppress(BrokenPipeError, ConnectionResetError):
                self._stream(body, traced=bool(keys.get("cf_trace")))
                return
            self.server.left.set()

    def _stream(self, body: dict[str, Any], *, traced: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        tokens = self.server.tokens if body.get("vllm_xargs") and self.server.plug_in else self.server.plain
        longest = body["max_tokens"]
        cut = longest < len(tokens)
        held = b""
        self.server.sent = 0
        for n, token in enumerate([*tokens[:longest], *([] if cut else [END])]):
            while self.server.endless and n == len(tokens):
                self._chunk({"content": " on"}, None)
            held += b"" if token == END else token
            try:
                content, held = held.decode(), b""
            except UnicodeDecodeError:
                content = ""
            shown = token.decode("utf-8", "replace")
            logprobs = {
                "content": [{"token": shown, "logprob": -0.1, "bytes": list(token), "top_logprobs": []}],
                "cf_view": "main",
                "cf_trace": [{"main": -0.5, "contrasts": [-0.5 - n]}],
            }
            self._chunk({"content": content}, logprobs if traced else None)
            self.server.sent = n + 1
        self._chunk({}, None, "length" if cut else "stop")
        usage = {"prompt_tokens": 9, "completion_tokens": min(longest, len(tokens) + 1), "total_tokens": 99}
        self._event({"id": "1", "object": "chat.completion.chunk", "choices": [], "usage": usage})
        self.wfile.write(b"data: [DONE]\n\n")

    def _chunk(self, delta: dict[str, Any], logprobs: dict[str, Any] | None, reason: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": reason}
        self._event({"id": "1", "object": "chat.completion.chunk", "choices": [choice]})

    def _event(self, event: dict[str, Any]) -> None:
        self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
        self.wfile.flush()

    def _json(self, status: int, content: dict[str, Any]) -> None:
        raw = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def streaming_server(
    tokens: list[bytes],
    plain: list[bytes] | None = None,
    *,
    plug_in: bool = True,
    longest: int | None = None,
    key: str | None = None,
) -> Iterator[StreamingServer]:
    """Serves while the block runs."""
    server = StreamingServer(tokens, plain or [b"Plain", b" it", b" is."], plug_in=plug_in, longest=longest, key=key)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.endless = False
        server.shutdown()
        server.server_close()
        thread.join()
