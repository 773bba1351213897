"""Rows of the table: what is measured, beside whom, and what we want of it."""
import statistics
from dataclasses import dataclass, field


@dataclass
class Result:
    """One run of one server."""
    rate: float                    # in the row's unit
    cpu: float | None = None       # seconds of the server a unit of work, or as the row's cpu_unit says
    memory: int | None = None      # bytes, the most it held
    failures: int = 0
    timeouts: int = 0              # clients that had to ask again
    extra: dict = field(default_factory=dict)


@dataclass
class Row:
    key: str
    work: str
    unit: str                      # of rate
    wanted: str                    # in words, as printed
    run: object                    # (lab, server) -> Result
    servers: list                  # bootherd first
    limit: object = None           # (lab) -> Result: what the machine can do, or None
    lower_is_better: bool = False
    cpu_unit: str = ""
    met: object = None             # (Summary) -> bool, or None where nothing is wanted
    note: str = ""
    rounds: int | None = None


@dataclass
class Summary:
    """Medians of a row's runs."""
    row: Row
    results: dict                  # server -> [Result]
    limit: Result | None = None

    def median(self, server, what="rate"):
        values = [getattr(r, what) for r in self.results.get(server, []) if getattr(r, what) is not None]
        return statistics.median(values) if values else None

    def worst(self, server, what):
        return max((getattr(r, what) or 0 for r in self.results.get(server, [])), default=0)

    def extra(self, server, name):
        values = [r.extra[name] for r in self.results.get(server, []) if name in r.extra]
        return statistics.median(values) if values else None

    def peers(self):
        """Those that did the work at all."""
        return [s for s in self.row.servers[1:] if self.results.get(s) and self.median(s) and not self.worst(s, "failures")]

    def best_peer(self):
        """The best that failed nobody; if all failed some, the best of those."""
        choose = min if self.row.lower_is_better else max
        able = self.peers() or [s for s in self.row.servers[1:] if self.median(s)]
        return choose(able, key=self.median) if able else None

    def ratio(self):
        peer, ours = self.best_peer(), self.median("bootherd")
        return ours / self.median(peer) if peer and ours else None

    def ratio_to_limit(self):
        ours = self.median("bootherd")
        return ours / self.limit.rate if self.limit and self.limit.rate and ours else None

    def verdict(self):
        if not self.row.met or not self.median("bootherd"):
            return None
        return bool(self.row.met(self))
