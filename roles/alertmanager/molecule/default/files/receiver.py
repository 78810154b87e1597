"""Takes what webhooks, Slack and mail are told, and writes one line for each: kind and names."""

import json
import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TOLD = Path("/run/told")


def note(kind: str, words: str) -> None:
    with TOLD.open("a", encoding="utf-8") as file:
        file.write(f"{kind} {words}\n")


class Hook(BaseHTTPRequestHandler):
    """A webhook, and Slack."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/slack":
            note("slack", f"{body['channel']} {body['attachments'][0]['title']}")
        else:
            names = sorted(a["labels"]["alertname"] for a in body["alerts"])
            note(self.path.strip("/"), f"{body['status']} {','.join(names)}")
        self.send_response(200)
        self.end_headers()

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
            self.wfile.write(b"354 go on\r\n" if data else b"250 ok\r\n")
            if text == "QUIT":
                return


hooks = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Hook)
threading.Thread(target=hooks.serve_forever, daemon=True).start()
socketserver.ThreadingTCPServer(("127.0.0.1", int(sys.argv[2])), Mail).serve_forever()
