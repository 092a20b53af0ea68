"""A chat endpoint over HTTP that replies what a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ChatServer(ThreadingHTTPServer):
    """Sends its `replies` one after the other, the last one for ever; `None` is an error of status 400."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies, self.bodies = [], []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        server = self.server
        assert isinstance(server, ChatServer)
        server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        content = server.replies.pop(0) if len(server.replies) > 1 else server.replies[0]
        status = 400 if content is None else 200
        message = {"role": "assistant", "content": content}
        body = {"id": "1", "object": "chat.completion", "created": 0, "model": "m",
                "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}  # fmt: skip
        raw = json.dumps(body if content is not None else {"error": {"message": "no"}}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format, *args):
        pass


@contextmanager
def chat_server() -> Iterator[ChatServer]:
    """Serves while the block runs."""
    server = ChatServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
