"""The release role as text: it parses, asks modules for what they know, renders its templates."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleUndefinedVariable
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from ansible_collections.dash.platform.plugins.module_utils import plan
from tests.unit.release.stand import A, B, C, request, serving, three
from tests.unit.release.theatre import FAKES, PLUGINS, ROOT

ROLE = ROOT / "roles/release"
VERBS = ("abort", "app", "deploy", "migrate", "promote", "rollback", "status", "switch")
KEYWORDS = {"when", "register", "vars", "async", "poll"}


def tasks() -> list[tuple[Path, dict[str, Any]]]:
    """Return every task of the role, those in blocks too, with its file."""
    found: list[tuple[Path, dict[str, Any]]] = []

    def walk(path: Path, entries: list[dict[str, Any]]) -> None:
        for entry in entries:
            found.append((path, entry))
            for inner in ("block", "rescue", "always"):
                walk(path, entry.get(inner, []))

    for path in sorted(ROLE.glob("tasks/**/*.yml")):
        walk(path, yaml.safe_load(path.read_text(encoding="utf-8")))
    return found


def of_ours() -> list[Any]:
    """Return (module, arguments) of every task that calls the collection."""
    prefix = "dash.platform."
    return [
        pytest.param(key.removeprefix(prefix), task[key] or {}, id=f"{path.name}-{task['name']}")
        for path, task in tasks()
        for key in task
        if key.startswith(prefix)
    ]


def options(module: str) -> dict[str, Any]:
    """Return the options that a module documents."""
    text = (PLUGINS / "modules" / f"{module}.py").read_text(encoding="utf-8")
    documentation = text.partition('DOCUMENTATION = r"""')[2].partition('"""')[0]
    return dict(yaml.safe_load(documentation)["options"])


def test_every_verb_parses(tmp_path: Path) -> None:
    names = [str(ROOT / "playbooks" / f"{verb}.yml") for verb in VERBS]
    hosts = tmp_path / "hosts.yml"
    hosts.write_text("all: {children: {edge: {}, app: {}, db: {}, app_blue: {}, app_green: {}}}")
    (tmp_path / "ansible.cfg").touch()
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("ansible-playbook")),
            "--syntax-check",
            *("-i", str(hosts), *names),
        ],
        cwd=tmp_path,
        env={
            "PATH": "/usr/bin:/bin",
            "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT),
            "ANSIBLE_ROLES_PATH": str(ROOT / "roles"),
            "ANSIBLE_LOCAL_TEMP": str(tmp_path / "tmp"),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("playbook: ") == len(VERBS)


@pytest.mark.parametrize(("module", "args"), of_ours())
def test_a_task_gives_a_module_what_it_takes(module: str, args: dict[str, Any]) -> None:
    if not (PLUGINS / "modules" / f"{module}.py").exists():
        assert (PLUGINS / "action" / f"{module}.py").exists()
        return
    known = options(module)
    assert set(args) <= set(known)
    assert {name for name, option in known.items() if option.get("required")} <= set(args)
    for name, value in args.items():
        if (choices := known[name].get("choices")) and "{{" not in str(value):
            assert value in choices


def test_the_playbooks_of_the_theatre_cover_every_task() -> None:
    """A task that nobody plays could hold anything: each module of the role has a stand-in."""
    called = {param.values[0] for param in of_ours()}
    assert called <= {p.stem for p in PLUGINS.glob("*/*.py")}
    assert (FAKES / "module.py").exists()


def render(name: str, **variables: Any) -> str:
    """Render a template of the role as Ansible does; anything undefined is an error."""
    loader = DataLoader()
    of_role: dict[str, Any] = {
        "ansible_managed": "Managed by Dash",
        "dash_public_url": "https://dash.example.org",
    }
    for part in ("defaults", "vars"):
        path = str(ROLE / part / "main.yml")
        of_role |= loader.load_from_file(path, trusted_as_template=True)
    templar = Templar(loader=loader, variables={**of_role, **variables})
    text = (ROLE / "templates" / name).read_text(encoding="utf-8")
    return str(templar.template(trust_as_template(text)))


def test_the_configuration_of_a_release_is_sorted_settings_and_nothing_else() -> None:
    lines = render("app.env.j2").splitlines()
    settings = [line for line in lines if line and not line.startswith("#")]

    assert settings == sorted(settings)
    assert "DASH_APP_LOG_LEVEL=info" in settings
    assert all(line.startswith("DASH_APP_") and "=" in line for line in settings)
    assert not [line for line in settings if "PASSWORD" in line or "PEPPER" in line]


def test_the_configuration_is_the_same_each_time() -> None:
    """Its hash names it: a deploy of what is active must stay a no-op."""
    assert render("app.env.j2") == render("app.env.j2")
    edges = ["10.9.0.12", "10.9.0.11"]
    assert render("app.env.j2", release_proxies=edges) == render(
        "app.env.j2", release_proxies=edges[::-1]
    )


def test_the_service_is_told_the_edges_and_where_clients_reach_it() -> None:
    settings = render("app.env.j2", release_proxies=["10.9.0.12", "10.9.0.11"]).splitlines()

    assert "DASH_APP_PROXIES=10.9.0.11,10.9.0.12" in settings
    assert "DASH_APP_PUBLIC_URL=https://dash.example.org" in settings


def test_what_an_operator_wants_wins_and_the_rest_stays() -> None:
    more = {"sign_up": True, "smtp_host": "mail.example.org", "log_level": "debug"}
    settings = render("app.env.j2", release_extra_settings=more).splitlines()

    assert "DASH_APP_LOG_LEVEL=debug" in settings
    assert "DASH_APP_SMTP_HOST=mail.example.org" in settings
    assert "DASH_APP_SIGN_UP=True" in settings
    assert "DASH_APP_DATABASE_HOST=db-1" in settings


CATALOG = """[providers.p]
kind = "openai"
base_url = "https://api.example.org/v1?a=$HOME&b=`x`"
note = 'back\\slash'
"""


def test_a_setting_of_more_lines_is_what_a_shell_reads_again() -> None:
    text = render("app.env.j2", release_llm_catalog=CATALOG)

    assert f"DASH_APP_LLM_CATALOG={CATALOG}" in shlex.split(text, comments=True)


def shown(made: plan.Plan, risk: dict[str, Any] | None = None) -> str:
    answer = {"release_down_plan": {"document": risk}} if risk else {}
    return render(
        "plan.txt.j2",
        release_decided={"plan": json.loads(json.dumps(made.as_dict()))},
        hostvars={made.asker: answer},
    )


def test_the_plan_of_a_first_deploy_needs_no_release_before() -> None:
    s = serving()
    s.facts["app-green-1"]["current"] = None
    text = shown(plan.deploy(request("deploy", C), s.facts, s.ledger))

    assert text.startswith(f"plan: deploy of 0.3.0 ({C.digest[:12]}) to blue, from green\n")
    assert "before    nothing" in text
    assert "how       stage, prove, switch" in text
    assert "down      no schema step is undone" in text


def test_the_plan_of_a_warm_rollback_is_a_switch_with_the_same_configuration() -> None:
    s = serving()
    text = shown(plan.rollback(request("rollback"), s.facts, s.ledger))

    assert "before    0.2.0" in text
    assert "how       switch to the warm colour" in text
    assert f"{A.current['config_hash'][:12]} (unchanged)" in text
    assert "down      0002" in text


def test_the_plan_names_rows_at_risk_and_only_those() -> None:
    s = three()
    made = plan.rollback(request("rollback", version=B.name), s.facts, s.ledger)
    risk = [{"what": "users.nickname", "rows": 12}, {"what": "users.age", "rows": 0}]
    text = shown(made, {"down": [{"id": "0003", "risk": risk}]})

    assert "at risk   0003: users.nickname, 12 rows\n" in text
    assert "users.age" not in text


def test_a_template_that_lacks_a_variable_does_not_render() -> None:
    with pytest.raises(AnsibleUndefinedVariable, match="release_decided"):
        render("plan.txt.j2")
