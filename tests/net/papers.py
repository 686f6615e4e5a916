"""Certificates for the two gateways: an authority, and for each side one of each kind of key."""

from functools import cached_property

from tests.support.pki import Authority, Issued, ecdsa_key, rsa_key

SIDES = ("left", "right")


class Papers:
    """Made when first asked for."""

    KINDS = ("rsa", "ecdsa256", "ecdsa384", "ecdsa521")

    @cached_property
    def root(self) -> Authority:
        """Whom both sides trust."""
        return Authority.root("C=CH, O=ike, CN=root", rsa_key(10))

    @property
    def authority(self) -> bytes:
        """Its certificate."""
        return self.root.issued.pem

    @cached_property
    def _issued(self) -> dict[tuple[str, str], Issued]:
        return {
            (name, kind): self.root.issue(
                f"C=CH, O=ike, CN={name} {kind}",
                rsa_key(11 + number) if kind == "rsa" else ecdsa_key(number, int(kind.removeprefix("ecdsa"))),
                names=[f"{name}-{kind}.test"],
            )
            for number, name in enumerate(SIDES) for kind in self.KINDS
        }

    def of(self, name: str, kind: str) -> Issued:
        """The certificate of a side, with its key."""
        return self._issued[name, kind]
