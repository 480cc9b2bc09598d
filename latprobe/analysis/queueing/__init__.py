"""Work that waits for one of n servers: are there n, and when would work start with another n."""

from latprobe.analysis.queueing.servers import Evidence, Servers, find_servers, look_for_servers
from latprobe.analysis.queueing.simulation import simulate

__all__ = ["Evidence", "Servers", "find_servers", "look_for_servers", "simulate"]
