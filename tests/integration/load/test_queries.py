"""What is asked of Prometheus, evaluated by its own tool over series as the stack's are named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from loadtests.prometheus import QUERIES, VERSION
from tests.integration.monitoring import promtool

APP = 'job="app",host="app-blue-1",color="blue"'
SIGN_IN = f'{APP},route="/sign-in",method="POST"'
SERIES = {
    f'dash_pool_connections{{{APP},state="open"}}': "6x20",
    f'dash_pool_connections{{{APP},state="free"}}': "3x20",
    f'dash_pool_connections{{{APP},state="most"}}': "12x20",
    f'dash_pool_connections{{{APP},state="waiting"}}': "2x20",
    f"process_cpu_seconds_total{{{APP}}}": "0+2x20",
    f"process_resident_memory_bytes{{{APP}}}": "90000000x20",
    'node_cpu_seconds_total{host="app-blue-1",role="app",mode="idle",cpu="0"}': "0+1x20",
    f"dash_requests_in_flight{{{APP}}}": "4x20",
    f'dash_llm_queued{{{APP},provider="openai"}}': "1x20",
    f'dash_llm_in_flight{{{APP},provider="openai"}}': "5x20",
    f"dash_request_seconds_count{{{SIGN_IN}}}": "0+1x20",
    f"dash_request_seconds_sum{{{SIGN_IN}}}": "0+3x20",
    'haproxy_backend_current_queue{host="edge-1",proxy="app_blue"}': "0x20",
    'haproxy_process_idle_time_percent{host="edge-1"}': "75x20",
    'pg_stat_activity_count{host="db-1",state="idle"}': "10x20",
    'pg_stat_database_xact_commit{host="db-1",datname="dash"}': "0+50x20",
    f"dash_agents_connected{{{APP}}}": "20x20",
    f'dash_agent_delivery_seconds_bucket{{{APP},le="0.1"}}': "0+10x20",
    f'dash_agent_delivery_seconds_bucket{{{APP},le="+Inf"}}': "0+10x20",
    'dash_build_info{host="app-blue-1",color="blue",version="2"}': "1x20",
    'dash_build_info{host="app-green-1",color="green",version="1"}': "1x20",
    'dash_edge_active{host="edge-1",color="blue"}': "1x20",
    'dash_edge_active{host="edge-1",color="green"}': "0x20",
}
BLUE, OPENAI = '{color="blue"}', '{provider="openai"}'
VALUES = {
    "cpu of the machine": ("{}", 0.8),
    "cpu of the service (cores)": (BLUE, 0.4),
    "memory of the service (MB)": (BLUE, 90),
    "pool: share in use of the most": (BLUE, 0.25),
    "pool: requests that wait": (BLUE, 2),
    "requests in flight": (BLUE, 4),
    "gateway: requests that wait": (OPENAI, 1),
    "gateway: calls under way": (OPENAI, 5),
    "sign-ins a second": ("{}", 0.2),
    "sign-in: seconds (mean)": ("{}", 3),
    "edge: requests that wait for a server": ('{proxy="app_blue"}', 0),
    "edge: cpu of HAProxy": ("{}", 0.25),
    "database: connections": ('{state="idle"}', 10),
    "database: transactions a second": ("{}", 10),
    "agents connected": (BLUE, 20),
    "agents: seconds to deliver (p95)": ("{}", 0.095),
    VERSION: ('{version="2"}', 1),
}


def test_every_query_gives_the_figure_that_its_name_says(tmp_path: Path) -> None:
    """Five-second samples; the idle colour's release is not one that served."""
    tests: list[dict[str, Any]] = [
        {
            "interval": "5s",
            "input_series": [{"series": s, "values": v} for s, v in SERIES.items()],
            "promql_expr_test": [
                {
                    "expr": f"round({QUERIES[name][0]}, 0.001)",
                    "eval_time": "60s",
                    "exp_samples": [{"labels": labels, "value": value}],
                }
                for name, (labels, value) in VALUES.items()
            ],
        }
    ]
    (tmp_path / "tests.yml").write_text(yaml.safe_dump({"tests": tests}))

    said = promtool.run(tmp_path, "promtool test rules tests.yml")

    assert set(VALUES) == set(QUERIES)
    assert said.strip().endswith("SUCCESS"), said
