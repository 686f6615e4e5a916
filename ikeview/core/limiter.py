"""A token bucket by address: how many replies strangers get."""

from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import ip_network

from ikeview.core.specs import Address

_REMEMBERED = 1024
"""Sources kept; the one not seen for longest is forgotten first."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Limiter:
    """``rate`` events a second for each source (an address, or a /64 of IPv6), ``total`` over all, after a first
    ``burst``."""

    def __init__(self, rate: float, total: float, burst: int) -> None:
        self._rate = rate
        self._total_rate = total
        self._burst = burst
        self._sources: OrderedDict[str, _Bucket] = OrderedDict()
        self._total: _Bucket | None = None

    def allows(self, now: float, source: Address) -> bool:
        """Whether one more event may happen; counts it if so."""
        key = str(source) if source.version == 4 else str(ip_network((source, 64), strict=False))
        bucket = self._sources.get(key)
        if bucket is None:
            bucket = self._sources[key] = _Bucket(1.0, now)
            if len(self._sources) > _REMEMBERED:
                self._sources.popitem(last=False)
        self._sources.move_to_end(key)
        if self._total is None:
            self._total = _Bucket(float(self._burst), now)
        self._fill(bucket, now, self._rate, 1.0)
        self._fill(self._total, now, self._total_rate, float(self._burst))
        if bucket.tokens < 1 or self._total.tokens < 1:
            return False
        bucket.tokens -= 1
        self._total.tokens -= 1
        return True

    @staticmethod
    def _fill(bucket: _Bucket, now: float, rate: float, most: float) -> None:
        bucket.tokens = min(most, bucket.tokens + (now - bucket.at) * rate)
        bucket.at = now
