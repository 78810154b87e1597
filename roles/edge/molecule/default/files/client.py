"""Ask the edge as a load balancer does: FROM KIND, where KIND is proxy, local or plain.

Prints the answer's first line and, of the service behind, whom it was told the client is.
"""

import json
import re
import socket
import ssl
import struct
import sys

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
CLIENT = socket.inet_aton("203.0.113.9") + socket.inet_aton("127.0.0.1")


def header(kind: str) -> bytes:
    """Return a header of PROXY protocol v2: of a client, or of the balancer itself (LOCAL)."""
    if kind == "plain":
        return b""
    if kind == "local":
        return SIGNATURE + struct.pack("!BBH", 0x20, 0x00, 0)
    return SIGNATURE + struct.pack("!BBH", 0x21, 0x11, 12) + CLIENT + struct.pack("!HH", 4711, 443)


def main() -> None:
    connection = socket.create_connection(("127.0.0.1", 443), 5, (sys.argv[1], 0))
    connection.sendall(header(sys.argv[2]))
    trust = ssl.create_default_context(cafile="/etc/dash/ca.pem")
    try:
        with trust.wrap_socket(connection, server_hostname="localhost") as secret:
            secret.sendall(b"GET /who HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            said = b""
            while part := secret.recv(65536):
                said += part
    except OSError:
        sys.stdout.write("refused\n")
        return
    body = re.search(rb"\{.*\}", said)
    told = json.loads(body[0])["headers"].get("X-Forwarded-For") if body else ""
    sys.stdout.write(f"{said.split(b' ')[1].decode()} {told}\n")


main()
