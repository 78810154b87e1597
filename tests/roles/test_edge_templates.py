"""HAProxy's configuration, parsed: who goes where, and what is kept from whom."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import pytest

from tests.roles.rendering import render, unit

SERVERS = {
    "blue": [{"name": "app-blue-1", "address": "10.0.0.21"}],
    "green": [
        {"name": "app-green-1", "address": "10.0.0.31"},
        {"name": "app-green-2", "address": "10.0.0.32"},
    ],
}
TRUSTED = "{ req.hdr(X-Dash-Deploy-Token) -m str -f /etc/haproxy/certs/deploy-token }"
type Config = dict[str, list[list[str]]]


def parsed(**given: Any) -> Config:
    """Return the configuration as sections of words."""
    sections: Config = {}
    current: list[list[str]] = []
    text = render("edge", "haproxy.cfg.j2", edge_app_servers=SERVERS, **given)
    for line in text.splitlines():
        words = shlex.split(line, comments=line.lstrip().startswith("#"))
        if line and line[0].isalpha():
            current = sections.setdefault(" ".join(words), [])
        elif words:
            current.append(words)
    return sections


@pytest.fixture(name="config", scope="module")
def _config() -> Config:
    return parsed()


def lines(section: list[list[str]], *start: str) -> list[list[str]]:
    """Return the lines that begin with these words."""
    return [words for words in section if words[: len(start)] == list(start)]


def one(section: list[list[str]], *start: str) -> list[str]:
    """Return the only line that begins with these words, without them."""
    found = lines(section, *start)

    assert len(found) == 1, (start, found)
    return found[0][len(start) :]


def seconds(words: list[str]) -> int:
    """Return the time that a line ends with."""
    return int(words[-1].removesuffix("s"))


def backends(section: list[list[str]]) -> list[str]:
    """Return the lines that choose a backend."""
    return [" ".join(words) for words in section if words[0].endswith("_backend")]


def test_the_public_frontend_serves_the_active_colour_and_no_other(config: Config) -> None:
    public = config["frontend public"]

    assert one(public, "http-request", "set-var(txn.active)") == [
        "str(active),map(/etc/haproxy/maps/active.map,none)"
    ]
    assert backends(public) == [
        "use_backend %[var(txn.kind)]_%[var(txn.active)] if { var(txn.active) -m str blue green }",
        "default_backend unreleased",
    ]


@pytest.mark.parametrize("frontend", ["redirect", "public"])
def test_who_the_client_is_is_believed_of_load_balancers_alone(
    config: Config, frontend: str
) -> None:
    words = ("tcp-request", "connection", "expect-proxy", "layer4")
    behind = parsed(edge_balancers=["10.0.0.0/24", "10.0.1.0/24"])

    assert lines(config[f"frontend {frontend}"], *words) == []
    assert one(behind[f"frontend {frontend}"], *words) == [
        *("if", "{", "src", "10.0.0.0/24", "10.0.1.0/24", "}")
    ]
    assert lines(behind["frontend preview"], *words) == []


def test_a_public_name_has_its_certificate_beside_the_stacks_own(config: Config) -> None:
    named = parsed(edge_certificate_arn="arn:aws:acm:eu-central-1:1:certificate/x")
    own, both = (one(c["frontend public"], "bind", ":443", "ssl") for c in (config, named))

    assert own[:3] == ["crt", "/etc/haproxy/certs/edge.pem", "alpn"]
    assert both[:5] == [
        *("crt", "/etc/haproxy/certs/edge.pem", "crt", "/etc/haproxy/certs/public.pem", "alpn")
    ]


def test_what_edges_ask_one_another_is_answered_by_who_has_no_network() -> None:
    socket = unit(render("edge", "dash-edge-state.socket.j2", edge_address="10.0.0.11"))
    service = unit(render("edge", "dash-edge-state.service.j2"))["Service"]

    assert socket["Socket"]["ListenStream"] == ["10.0.0.11:8407"]
    assert socket["Socket"]["Accept"] == ["yes"]
    assert service["ExecStart"][0].endswith(".edgectl say")
    assert (service["StandardInput"], service["StandardOutput"]) == (["null"], ["socket"])
    assert (service["PrivateNetwork"], service["ProtectSystem"]) == (["yes"], ["strict"])


def test_the_preview_serves_the_colour_that_is_not_active(config: Config) -> None:
    assert backends(config["frontend preview"]) == [
        "use_backend %[var(txn.kind)]_green if { var(txn.active) -m str blue }",
        "use_backend %[var(txn.kind)]_blue",
    ]


@pytest.mark.parametrize("frontend", ["public", "preview"])
def test_sockets_go_where_requests_do_not_wait_for_them(config: Config, frontend: str) -> None:
    """A colour has as many places for requests as before, however many agents are connected."""
    kinds = lines(config[f"frontend {frontend}"], "http-request", "set-var(txn.kind)")

    assert [" ".join(words[2:]) for words in kinds] == ["str(app)", "str(sockets) if { path /ws }"]
    for color, servers in SERVERS.items():
        sockets, requests = (config[f"backend {kind}_{color}"] for kind in ("sockets", "app"))
        default = one(sockets, "default-server")
        assert default[default.index("maxconn") + 1] == "2500"
        assert one(requests, "default-server")[-3:-1] == ["500", "weight"]
        assert [w[1:] for w in lines(sockets, "server")] == [
            [s["name"], f"{s['address']}:8000", "track", f"app_{color}/{s['name']}"]
            for s in servers
        ]


def test_there_are_connections_for_as_many_sockets_as_are_allowed() -> None:
    config = parsed(edge_max_sockets=700, edge_max_connections=900)

    assert one(config["backend sockets_blue"], "default-server")[:2] == ["maxconn", "700"]
    assert one(config["global"], "maxconn") == ["900"]


def test_without_a_release_the_answer_is_an_envelope_that_says_so(config: Config) -> None:
    words = one(config["backend unreleased"], "http-request", "return")
    said = json.loads(words[words.index("lf-string") + 1])

    assert words[words.index("status") + 1] == "503"
    assert said["error"]["code"] == "unreleased"
    assert said["error"]["request_id"] == "%[var(txn.request_id)]"


def test_errors_of_the_edge_itself_come_in_the_services_envelope(config: Config) -> None:
    errors = lines(config["defaults"], "http-error", "status")

    assert {int(w[2]) for w in errors} >= {400, 403, 405, 408, 413, 500, 502, 503, 504}
    for words in errors:
        said = json.loads(words[words.index("lf-string") + 1])
        assert set(said["error"]) == {"code", "message", "request_id"}


@pytest.mark.parametrize("color", ["blue", "green"])
def test_a_colour_has_its_own_servers_and_its_health_is_asked_often(
    config: Config, color: str
) -> None:
    backend = config[f"backend app_{color}"]
    default = one(backend, "default-server")

    assert [w[1:] for w in lines(backend, "server")] == [
        [s["name"], f"{s['address']}:8000"] for s in SERVERS[color]
    ]
    assert one(backend, "http-check", "send") == (
        ["meth", "GET", "uri", "/readyz", "ver", "HTTP/1.1", "hdr", "Host", "edge"]
    )
    for name, value in (("inter", "500ms"), ("rise", "1"), ("weight", "100")):
        assert default[default.index(name) + 1] == value


def test_a_host_that_drains_finishes_what_it_has(config: Config) -> None:
    backend = config["backend app_blue"]

    assert one(backend, "http-check", "expect") == ["status", "200", "error-status", "L7OKC"]
    assert "shutdown-sessions" not in one(backend, "default-server")


def test_only_what_may_be_repeated_is_tried_again(config: Config) -> None:
    for name in (f"backend {kind}_{color}" for color in SERVERS for kind in ("app", "sockets")):
        assert one(config[name], "http-request", "disable-l7-retry") == ["if", "!METH_GET"]
    assert one(config["defaults"], "retries") == ["3"]
    assert lines(config["defaults"], "option", "redispatch")


def test_a_reload_cuts_neither_streams_nor_kept_connections() -> None:
    config = parsed(edge_longest_stream=900)

    assert seconds(one(config["global"], "hard-stop-after")) >= seconds(
        one(config["defaults"], "timeout", "tunnel")
    )
    assert lines(config["defaults"], "option", "idle-close-on-response")
    assert one(config["global"], "stats")[-2:] == ["expose-fd", "listeners"]


def test_an_idle_connection_ends_here_before_it_ends_at_the_service(config: Config) -> None:
    least_of_the_service = 75  # app/settings.py: keep_alive_seconds

    assert seconds(one(config["defaults"], "timeout", "http-keep-alive")) < least_of_the_service


@pytest.mark.parametrize("frontend", ["public", "preview"])
def test_a_request_is_read_in_one_way_only_and_within_bounds(config: Config, frontend: str) -> None:
    rules = [" ".join(w) for w in config[f"frontend {frontend}"]]
    denied = [r.split(" if ", 1)[1] for r in rules if r.startswith("http-request deny")]

    assert "{ req.hdr_cnt(content-length) gt 1 } || !{ req.hdr_cnt(host) eq 1 }" in denied
    assert "{ req.hdr(upgrade) -i -m sub h2c }" in denied
    assert any(r.endswith("{ path -m sub -i %2f %5c %00 \\ }") for r in denied)
    assert "{ req.body_size gt 1048576 }" in denied
    assert "http-request wait-for-body time 10s if !METH_GET" in rules


@pytest.mark.parametrize(
    ("path", "leads_up"),
    [("/..", True), ("/v1/../me", True), ("/%2E%2e/me", True), ("/.%2e/me", True), ("/./me", True),
     ("/v1/me", False), ("/v1/keys/a..b", False), ("/.well-known/x", False), ("/...", False)],
)  # fmt: skip
def test_a_path_that_leads_upwards_is_refused(config: Config, path: str, leads_up: bool) -> None:
    (rule,) = [w for w in config["frontend public"] if w[3:8] == ["400", "if", "{", "path", "-m"]]
    pattern = rule[rule.index("reg") + 2]

    assert bool(re.search(pattern, path, re.IGNORECASE)) is leads_up


@pytest.mark.parametrize("frontend", ["public", "preview"])
def test_a_client_cannot_say_where_it_comes_from(config: Config, frontend: str) -> None:
    """What it sends is replaced, in each spelling: the service believes the edge."""
    rules = [" ".join(w) for w in config[f"frontend {frontend}"]]
    about = [r for r in rules if re.search("forward", r, re.IGNORECASE)]

    assert about == [
        "http-request set-header X-Forwarded-For %[src]",
        "http-request set-header X-Forwarded-Proto https",
        "http-request del-header X-Forwarded-Host",
        "http-request del-header Forwarded",
    ]
    for section in ("defaults", *(s for s in config if s.startswith("backend "))):
        assert not [w for w in config[section] if "forwardfor" in w or "forwarded" in w]


@pytest.mark.parametrize("frontend", ["redirect", "public", "preview"])
def test_every_answer_has_a_request_id(config: Config, frontend: str) -> None:
    rules = config[f"frontend {frontend}"]
    taken, made = lines(rules, "http-request", "set-var(txn.request_id)")
    pattern = taken[taken.index("reg") + 1]

    assert re.fullmatch(pattern, "f47ac10b-58cc-4372-a567-0e02b2c3d479")
    assert not re.fullmatch(pattern, "x" * 65)
    assert not re.fullmatch(pattern, 'x"},{"injected')
    assert made[2] == "unique-id"
    assert one(rules, "http-after-response", "set-header", "X-Request-Id")


def test_a_version_is_told_only_to_who_holds_the_token(config: Config) -> None:
    public = config["frontend public"]

    assert " ".join(one(public, "http-request", "set-var(txn.trusted)")).endswith(f"if {TRUSTED}")
    for header in ("X-Dash-Version", "X-Dash-Color"):
        assert one(public, "http-response", "del-header", header) == (
            ["if", "!{", "var(txn.trusted)", "-m", "bool", "}"]
        )
        assert not lines(config["frontend preview"], "http-response", "del-header", header)
    assert lines(public, "http-request", "del-header", "X-Dash-Deploy-Token")


def test_the_lab_tells_everybody() -> None:
    public = parsed(edge_expose_version=True)["frontend public"]

    assert not lines(public, "http-response", "del-header")
    assert lines(public, "http-request", "del-header", "X-Dash-Deploy-Token")


def test_no_secret_stands_in_the_configuration_or_reaches_the_log() -> None:
    token = "a-token-that-nobody-should-see"
    text = render("edge", "haproxy.cfg.j2", edge_app_servers=SERVERS, edge_deploy_token=token)
    form = re.findall(r"^  log-format (.*)$", text, re.MULTILINE)

    assert token not in text
    assert len(form) == 1
    assert "HU" not in form[0]  # the address with its query string
    assert "hdr" not in form[0]
    assert re.findall(r"%\((\w+)", form[0])[:2] == ["event", "request_id"]


@pytest.mark.parametrize(("port", "authority"), [(443, ""), (8443, ":8443")])
def test_plain_http_is_sent_to_where_clients_reach_https(port: int, authority: str) -> None:
    words = one(parsed(edge_public_port=port)["frontend redirect"], "http-request", "redirect")

    assert words == [
        "code",
        "308",
        "location",
        f"https://%[req.hdr(host),host_only]{authority}%[pathq]",
    ]


def test_metrics_are_on_the_private_address_alone() -> None:
    metrics = parsed(edge_address="10.0.0.11")["frontend metrics"]

    assert one(metrics, "bind") == ["10.0.0.11:8405"]
    assert lines(metrics, "http-request")[-1] == ["http-request", "deny"]


def test_the_unit_dumps_states_for_a_reload_and_forgets_them_at_a_start() -> None:
    service = unit(render("edge", "haproxy-override.conf.j2"))["Service"]
    reset, check, dump, signal = service["ExecReload"]

    assert service["ExecStartPre"] == ["/bin/rm -f /var/lib/haproxy/server-state"]
    assert reset == ""
    assert "-c -q" in check
    assert "show servers state" in dump
    assert signal == "/bin/kill -USR2 $MAINPID"
    assert service["NoNewPrivileges"] == ["yes"]
