"""What a plane has taken on, and whether more may be added; the same for planes that keep their SAs elsewhere."""

from ikeview.core.outputs import Direction, HalfSa
from ikeview.core.specs import Selector, TunnelSpec
from ikeview.dataplane.plane import PlaneRefused


def _one_host(selector: Selector) -> bool:
    return selector.network.prefixlen == selector.network.max_prefixlen


class Ledger:
    """Protected tunnels by name, and which half SAs there are; no keys."""

    def __init__(self) -> None:
        self.tunnels: dict[str, TunnelSpec] = {}
        self._halves: dict[tuple[int, Direction], str] = {}

    def check_tunnel(self, tunnel: TunnelSpec) -> None:
        """Raises ``PlaneRefused`` if the tunnel cannot be protected beside the others."""
        if tunnel.local.network.version != tunnel.remote.network.version:
            raise PlaneRefused(f"{tunnel.full_name} joins IPv4 and IPv6: {tunnel.local} and {tunnel.remote}")
        if tunnel.mode == "transport" and not (_one_host(tunnel.local) and _one_host(tunnel.remote)):
            raise PlaneRefused(
                f"{tunnel.full_name}: transport mode joins two hosts, so local and remote must be single addresses and"
                f" not {tunnel.local} and {tunnel.remote}"
            )
        for other in self.tunnels.values():
            if other.full_name != tunnel.full_name and (other.local, other.remote) == (tunnel.local, tunnel.remote):
                raise PlaneRefused(
                    f"{tunnel.full_name} and {other.full_name} claim the same traffic, {tunnel.local} to"
                    f" {tunnel.remote}: change or remove one of them"
                )

    def check_half(self, half: HalfSa) -> None:
        """Raises ``PlaneRefused`` if the half SA cannot be installed beside the others, or its keys do not fit."""
        name = f"SPI {half.spi:08x} ({half.direction}) of {half.tunnel.full_name}"
        if not 0 < half.spi < 2**32:
            raise PlaneRefused(f"{name}: not an SPI")
        if (half.spi, half.direction) in self._halves:
            raise PlaneRefused(f"{name} is in use already, by {self._halves[half.spi, half.direction]}")
        cipher, integrity = half.suite.cipher, half.suite.integrity
        if integrity is None and not cipher.aead:
            raise PlaneRefused(f"{name}: {half.suite} authenticates nothing")
        sizes = (cipher.key_size, cipher.salt_size, integrity.key_size if integrity else 0)
        if tuple(map(len, (half.keys.encryption, half.keys.salt, half.keys.integrity))) != sizes:
            raise PlaneRefused(f"{name}: the keys do not fit {half.suite}")

    def add_half(self, half: HalfSa) -> None:
        """Note a half SA."""
        self._halves[half.spi, half.direction] = half.tunnel.full_name

    def drop_half(self, spi: int, direction: Direction) -> str | None:
        """Forget a half SA; the name of its tunnel, None if it is unknown."""
        return self._halves.pop((spi, direction), None)

    def clear_halves(self) -> None:
        """Forget all half SAs."""
        self._halves.clear()

    def has_outbound(self, name: str) -> bool:
        """Whether a tunnel has an outbound half SA."""
        return any(tunnel == name and direction is Direction.OUT for (_, direction), tunnel in self._halves.items())
