"""Takes what webhooks, Slack and mail are told, and writes one line for each: kind and names.

What webhooks and Slack are sent is kept whole beside that.
"""

import json
import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TOLD = Path("/run/told")
BODIES = Path("/run/told.jsonl")


def note(kind: str, words: str) -> None:
    with TOLD.open("a", encoding="utf-8") as file:
        file.write(f"{kind} {words}\n")


class Hook(BaseHTTPRequestHandler):
    """A webhook, and Slack."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with BODIES.open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps({'path': self.path, **body})}\n")
        if self.path == "/slack":
            note("slack", f"{body['channel']} {body['attachments'][0]['title']}")
        else:
            labels = [alert["labels"] for alert in body["alerts"]]
            names = sorted(f"{x['alertname']}{x.get('host', '')}" for x in labels)
            note(self.path.strip("/"), f"{body['status']} {','.join(names)}")
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        pass


class Mail(socketserver.StreamRequestHandler):
    """As much of SMTP as a sender needs."""

    def handle(self) -> None:
        self.wfile.write(b"220 test\r\n")
        data = False
        for line in self.rfile:
            text = line.decode().strip()
            if data:
                data = text != "."
                if text.startswith(("Subject:", "To:")):
                    note("mail", text)
                if data:
                    continue
            elif text == "DATA":
                data = True
            if text == "QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            self.wfile.write(b"354 go on\r\n" if data else b"250 ok\r\n")


socketserver.ThreadingTCPServer.allow_reuse_address = True
hooks = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Hook)
threading.Thread(target=hooks.serve_forever, daemon=True).start()
socketserver.ThreadingTCPServer(("127.0.0.1", int(sys.argv[2])), Mail).serve_forever()
