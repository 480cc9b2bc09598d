"""What the agent hands out by itself, where the settings ask for it: OTLP and Prometheus."""

from __future__ import annotations

import logging
import platform
from typing import TYPE_CHECKING

from latprobe.config import Settings, load_settings
from latprobe.errors import LatprobeError
from latprobe.export.otlp_target import METRICS, OtlpTarget, find_target, is_loopback

if TYPE_CHECKING:
    from latprobe.agent.forwarder import Forwarder
    from latprobe.agent.metrics_forwarder import MetricsForwarder
    from latprobe.agent.metrics_server import MetricsServer
    from latprobe.store.owner import StoreOwner
    from latprobe_collectors.otlp.listening import Listening

log = logging.getLogger("latprobe.agent")


class Outlets:
    """The forwarders and the metrics page, if there are any. What cannot be had is a note in the
    status; the agent goes on."""

    def __init__(self, owner: StoreOwner, listening: Listening | None = None) -> None:
        self._owner = owner
        self._forwarder: Forwarder | None = None
        self._metrics_forwarder: MetricsForwarder | None = None
        self._metrics: MetricsServer | None = None
        try:
            settings = load_settings(home=str(owner.home))
            self._metrics = _open_metrics(owner, settings)
            self._forwarder = self._open_forwarder(settings, listening)
            self._metrics_forwarder = self._open_metrics_forwarder(settings, listening)
        except LatprobeError as error:
            self._note(f"Nothing is exported: {error}")
        except ImportError as error:
            self._note(f"Nothing is exported: pip install 'latprobe[otlp]' ({error})")

    def start(self) -> None:
        """Begins to hand out."""
        if self._forwarder is not None:
            self._forwarder.start()
        if self._metrics_forwarder is not None:
            self._metrics_forwarder.start()
        if self._metrics is not None:
            self._metrics.start()

    @property
    def is_open(self) -> bool:
        """Whether anything is handed out, as it comes in."""
        parts = (self._forwarder, self._metrics_forwarder, self._metrics)
        return any(part is not None for part in parts)

    def need_time(self) -> bool:
        """Whether the agent should stay for them."""
        return self._forwarder is not None and self._forwarder.needs_time()

    def stop(self) -> None:
        """Returns when what was under way is over, or soon after."""
        if self._forwarder is not None:
            self._forwarder.stop()
        if self._metrics_forwarder is not None:
            self._metrics_forwarder.stop()
        if self._metrics is not None:
            self._metrics.stop()

    def _open_forwarder(self, settings: Settings, listening: Listening | None) -> Forwarder | None:
        target = find_target(settings.otlp_endpoint)
        if target is None:
            return None
        if listening is not None and _is_own(target, listening):
            self._note(
                f"{target.shown} is this agent's own receiver, so nothing is exported there. "
                "Set LATPROBE_OTLP_ENDPOINT to another backend."
            )
            return None
        from latprobe.agent.forwarder import Forwarder
        from latprobe.export.otlp_send import open_sender

        log.info("exports to %s over %s", target.shown, target.protocol)
        return Forwarder(
            self._owner, open_sender(target), name=target.shown, content=settings.otlp_content
        )

    def _open_metrics_forwarder(
        self, settings: Settings, listening: Listening | None
    ) -> MetricsForwarder | None:
        """None for an own receiver, which takes no metrics; the spans' note says what it is."""
        try:
            target = find_target(settings.otlp_endpoint, signal=METRICS)
            if target is None or (listening is not None and _is_own(target, listening)):
                return None
            from latprobe.agent.metrics_forwarder import MetricsForwarder, export_interval_s
            from latprobe.export.otlp_send import open_sender

            return MetricsForwarder(
                self._owner,
                open_sender(target),
                name=target.shown,
                host=platform.node(),
                interval_s=export_interval_s(),
                timeout_s=target.timeout_s,
            )
        except LatprobeError as error:
            self._note(f"No metrics are exported: {error}")
            return None

    def _note(self, text: str) -> None:
        log.warning("%s", text)
        self._owner.notes.append(text)


def _is_own(target: OtlpTarget, listening: Listening) -> bool:
    """Whether spans would come back in, for ever."""
    is_here = is_loopback(target.host) or target.host == listening.host
    return is_here and target.port in (listening.http_port, listening.grpc_port)


def _open_metrics(owner: StoreOwner, settings: Settings) -> MetricsServer | None:
    if settings.prometheus_port is None:
        return None
    from latprobe.agent.metrics_server import MetricsServer

    return MetricsServer(owner.query, port=settings.prometheus_port)
