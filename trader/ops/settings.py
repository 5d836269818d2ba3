"""`ops:` of conf.yaml: log, control socket, status server."""

from __future__ import annotations

from dataclasses import dataclass

from trader.model.setting import Secret, setting


@dataclass(frozen=True)
class OpsSettings:
    log_level: str = setting("INFO", "How much is logged.", choices=("DEBUG", "INFO", "WARNING", "ERROR"), env="LOG_LEVEL")
    log_levels: str = setting("", "Other levels for parts of the program, as `component: LEVEL` lines below this key (docs/logs.md lists "
                              "them).", unit="mapping")
    log_format: str = setting("text", "text: a line for people. json: an object a line, in UTC, for programs.", choices=("text", "json"),
                              env="LOG_FORMAT")
    log_file: str = setting("", "Where the log goes. May be moved away at any time, as logrotate does. Empty: standard error.",
                            unit="path")
    alert_webhook: Secret = setting(Secret(""), "URL to which alerts are posted as JSON (docs/logs.md). Empty: none.", secret=True,
                                    env="ALERT_WEBHOOK")
    alert_command: str = setting("", "Program that gets an alert on its standard input, as in `mail -s trader me@example.org`. "
                                 "Empty: none.")
    alert_repeat_s: int = setting(300, "The same alert is sent again only after this long, with the number of times it happened.",
                                  unit="s", low=1, high=86_400)
    life_file: str = setting("", "File that is written every second while the trader is healthy, for a program that watches its age. "
                             "Empty: none.", unit="path")
    control_dir: str = setting("", "Folder of the owner-only control socket. Empty: $XDG_RUNTIME_DIR/trader, else a folder of "
                               "your user's below the temporary directory.", unit="path")
    status_port: int = setting(8787, "Port of the status server: dashboard, /health, /stats, /metrics. When it is taken, a free one "
                               "is used and named in the log. 0: a free one; -1: no status server.", low=-1, high=65_535)
    status_bind: str = setting("127.0.0.1", "Address on which the status server listens. Beyond loopback it needs status_token.",
                               unit="IP address")
    status_token: Secret = setting(Secret(""), "What a reader of the status server must show: 16 or more of A-Z a-z 0-9 . _ ~ + / = -. "
                                   "Empty: none, which only loopback allows.", secret=True, env="STATUS_TOKEN")
    otel_endpoint: str = setting("", "OpenTelemetry collector to which everything in /metrics is pushed, as http://127.0.0.1:4318 "
                                 "(OTLP over HTTP). Needs the extra trader[otel]. Empty: none.", unit="URL")
    otel_interval_s: int = setting(15, "How often it is pushed.", unit="s", low=1, high=3_600)
    otel_headers: Secret = setting(Secret(""), "Sent with each push, as `name=value,name=value`: what the collector wants to know you by.",
                                   secret=True, env="OTEL_EXPORTER_OTLP_HEADERS")
    otel_attributes: str = setting("", "What the collector is told of this trader, as `service.name=desk-7,host.name=a`.",
                                   unit="names", env="OTEL_RESOURCE_ATTRIBUTES")
