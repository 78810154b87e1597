"""A service that says its colour and what it was sent: ADDRESS PORT COLOUR."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        said = json.dumps(
            {
                "color": sys.argv[3],
                "headers": {name.title(): value for name, value in self.headers.items()},
            }
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.send_header("X-Dash-Version", "1")
        self.send_header("X-Dash-Color", sys.argv[3])
        self.end_headers()
        self.wfile.write(said)


ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
