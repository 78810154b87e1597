"""What hosts run short of."""

from __future__ import annotations

from monitoring.dashboards.model import Page, lines, number, q

_HERE = 'host=~"$host"'

PAGE = Page(
    uid="dash-hosts",
    title="Hosts",
    words="Which hosts are there, and what do they run short of?",
    variables=("host",),
    panels=(
        number("Hosts that answer", "none", "By role.",
               q(f'sum by (role) (up{{job="node",{_HERE}}})', "{{role}}"), width=10, alerts=("HostDown",)),
        number("Units that failed", "none", "Of ours; zero is what is wanted.",
               q(f'sum(node_systemd_unit_state{{state="failed",{_HERE}}})', "failed"), alarm=1, alerts=("UnitFailed",)),
        number("Clock, furthest off", "s", "From the monitor's own.",
               q(f"max(abs(node_time_seconds{{{_HERE}}} - timestamp(node_time_seconds{{{_HERE}}})))", "off"),
               width=5, alarm=2, alerts=("ClockWrong",)),
        number("First certificate to end", "s", "Time that is left.",
               q("min((probe_ssl_earliest_cert_expiry or dash_certificate_expires_timestamp_seconds) - time())", "left"), width=5,
               alerts=("CertificateEndsSoon", "CertificateEnds")),
        lines("Processor time", "percentunit", "One is every core of the host.",
              q(f'1 - avg by (host) (rate(node_cpu_seconds_total{{mode="idle",{_HERE}}}[1m]))', "{{host}}"),
              highest=1, width=12),
        lines("Processes that wait for a core", "none", "The load of one minute.",
              q(f"max by (host) (node_load1{{{_HERE}}})", "{{host}}"), width=12),
        lines("Memory in use", "percentunit", "What cannot be had back by dropping caches.",
              q(f"1 - max by (host) (node_memory_MemAvailable_bytes{{{_HERE}}} / node_memory_MemTotal_bytes)",
                "{{host}}"), highest=1, width=12, alerts=("MemoryShort",)),
        lines("Fullest file system", "percentunit", "Share that is used.",
              q(f"1 - min by (host) (node_filesystem_avail_bytes{{{_HERE}}} / node_filesystem_size_bytes)",
                "{{host}}"), highest=1, width=12, alerts=("DiskFills", "DiskFull")),
        lines("Written to disk", "Bps", "All devices.",
              q(f"sum by (host) (rate(node_disk_written_bytes_total{{{_HERE}}}[1m]))", "{{host}}")),
        lines("Received", "Bps", "All devices but loopback.",
              q(f'sum by (host) (rate(node_network_receive_bytes_total{{device!="lo",{_HERE}}}[1m]))', "{{host}}")),
        lines("Sent", "Bps", "All devices but loopback.",
              q(f'sum by (host) (rate(node_network_transmit_bytes_total{{device!="lo",{_HERE}}}[1m]))', "{{host}}")),
        lines("Targets that do not answer", "none", "Of the colour that does not serve it is meant to be so.",
              q(f"sum by (job) (1 - up{{{_HERE}}})", "{{job}}"), width=12, alerts=("TargetDown",)),
        lines("Memory of what watches", "bytes", "Programs of the monitor, of the 900 MB that it may have.",
              q("max by (job) (process_resident_memory_bytes"
                '{job=~"prometheus|alertmanager|blackbox|grafana|loki"})', "{{job}}"), width=12),
    ),
)  # fmt: skip
