"""The numbers of IKEv1 by name (RFC 2407, RFC 2408, RFC 2409, RFC 3706, RFC 3947, IANA ipsec-registry)."""

from enum import IntEnum, IntFlag


class PayloadType(IntEnum):
    """Next Payload (RFC 2408 section 3.1; 14 from draft-dukes-ike-mode-cfg-02, 20 and 21 from RFC 3947, 130 and 131
    from its drafts, 132 Cisco's)."""

    NONE = 0
    SA = 1
    PROPOSAL = 2
    TRANSFORM = 3
    KE = 4
    ID = 5
    CERT = 6
    CERTREQ = 7
    HASH = 8
    SIG = 9
    NONCE = 10
    NOTIFY = 11
    DELETE = 12
    VENDOR_ID = 13
    ATTRIBUTES = 14
    NAT_D = 20
    NAT_OA = 21
    NAT_D_DRAFT = 130
    NAT_OA_DRAFT = 131
    FRAGMENT = 132


class ExchangeType(IntEnum):
    """Exchange Type (RFC 2408 section 3.1, RFC 2409 appendix A)."""

    MAIN_MODE = 2
    AGGRESSIVE = 4
    INFORMATIONAL = 5
    TRANSACTION = 6
    QUICK_MODE = 32
    NEW_GROUP = 33


class Flag(IntFlag):
    """Flags of the header (RFC 2408 section 3.1)."""

    ENCRYPTION = 1
    COMMIT = 2
    AUTHENTICATION_ONLY = 4


class ProtocolId(IntEnum):
    """Protocol-ID (RFC 2407 section 4.4.1)."""

    ISAKMP = 1
    AH = 2
    ESP = 3
    IPCOMP = 4


class IdType(IntEnum):
    """Identification Type (RFC 2407 section 4.6.2.1)."""

    IPV4_ADDR = 1
    FQDN = 2
    USER_FQDN = 3
    IPV4_ADDR_SUBNET = 4
    IPV6_ADDR = 5
    IPV6_ADDR_SUBNET = 6
    IPV4_ADDR_RANGE = 7
    IPV6_ADDR_RANGE = 8
    DER_ASN1_DN = 9
    DER_ASN1_GN = 10
    KEY_ID = 11


class Phase1Attribute(IntEnum):
    """Attributes of a phase 1 transform (RFC 2409 appendix A)."""

    ENCRYPTION = 1
    HASH = 2
    AUTHENTICATION_METHOD = 3
    GROUP_DESCRIPTION = 4
    LIFE_TYPE = 11
    LIFE_DURATION = 12
    PRF = 13
    KEY_LENGTH = 14


class AuthenticationMethod(IntEnum):
    """Authentication Method of phase 1 (RFC 2409 appendix A; RFC 4754; ``XAUTH`` from draft-beaulieu-ike-xauth-02
    section 6.2 and ``HYBRID`` from draft-ietf-ipsec-isakmp-hybrid-auth-05: ``INIT`` where the initiator of phase 1 is
    the client, ``RESP`` where the responder is)."""

    PSK = 1
    DSS = 2
    RSA = 3
    RSA_ENCRYPTION = 4
    RSA_REVISED_ENCRYPTION = 5
    ECDSA_256 = 9
    ECDSA_384 = 10
    ECDSA_521 = 11
    HYBRID_INIT_RSA = 64221
    HYBRID_RESP_RSA = 64222
    HYBRID_INIT_DSS = 64223
    HYBRID_RESP_DSS = 64224
    XAUTH_INIT_PSK = 65001
    XAUTH_RESP_PSK = 65002
    XAUTH_INIT_DSS = 65003
    XAUTH_RESP_DSS = 65004
    XAUTH_INIT_RSA = 65005
    XAUTH_RESP_RSA = 65006
    XAUTH_INIT_RSA_ENCRYPTION = 65007
    XAUTH_RESP_RSA_ENCRYPTION = 65008
    XAUTH_INIT_RSA_REVISED_ENCRYPTION = 65009
    XAUTH_RESP_RSA_REVISED_ENCRYPTION = 65010

    @property
    def label(self) -> str:
        """In small letters, with hyphens."""
        return self.name.lower().replace("_", "-")


class EspAttribute(IntEnum):
    """Attributes of a phase 2 transform (RFC 2407 section 4.5)."""

    LIFE_TYPE = 1
    LIFE_DURATION = 2
    GROUP_DESCRIPTION = 3
    ENCAPSULATION_MODE = 4
    AUTHENTICATION = 5
    KEY_LENGTH = 6
    KEY_ROUNDS = 7
    ESN = 11


class LifeType(IntEnum):
    """Life Type, the same in both phases (RFC 2407 section 4.5, RFC 2409 appendix A)."""

    SECONDS = 1
    KILOBYTES = 2


class EncapsulationMode(IntEnum):
    """Encapsulation Mode (RFC 2407 section 4.5, RFC 3947 section 5.1)."""

    TUNNEL = 1
    TRANSPORT = 2
    UDP_TUNNEL = 3
    UDP_TRANSPORT = 4
    UDP_TUNNEL_DRAFT = 61443
    UDP_TRANSPORT_DRAFT = 61444


class ConfigMessage(IntEnum):
    """What an Attributes payload is (draft-dukes-ike-mode-cfg-02 section 3.2)."""

    REQUEST = 1
    REPLY = 2
    SET = 3
    ACK = 4


class ConfigAttribute(IntEnum):
    """Attributes of mode config (draft-dukes-ike-mode-cfg-02 section 3.3)."""

    INTERNAL_IP4_ADDRESS = 1
    INTERNAL_IP4_NETMASK = 2
    INTERNAL_IP4_DNS = 3
    INTERNAL_IP4_NBNS = 4
    INTERNAL_ADDRESS_EXPIRY = 5
    INTERNAL_IP4_DHCP = 6
    APPLICATION_VERSION = 7
    INTERNAL_IP6_ADDRESS = 8
    INTERNAL_IP6_NETMASK = 9
    INTERNAL_IP6_DNS = 10
    INTERNAL_IP6_NBNS = 11
    INTERNAL_IP6_DHCP = 12
    INTERNAL_IP4_SUBNET = 13
    SUPPORTED_ATTRIBUTES = 14
    INTERNAL_IP6_SUBNET = 15


class XauthAttribute(IntEnum):
    """Attributes of XAUTH (draft-beaulieu-ike-xauth-02 section 6)."""

    TYPE = 16520
    USER_NAME = 16521
    USER_PASSWORD = 16522
    PASSCODE = 16523
    MESSAGE = 16524
    CHALLENGE = 16525
    DOMAIN = 16526
    STATUS = 16527
    NEXT_PIN = 16528
    ANSWER = 16529


class UnityAttribute(IntEnum):
    """Attributes of mode config between peers that both are Cisco Unity."""

    BANNER = 28672
    SAVE_PASSWORD = 28673
    DEFAULT_DOMAIN = 28674
    SPLIT_DNS_NAME = 28675
    SPLIT_INCLUDE = 28676
    NATT_PORT = 28677
    LOCAL_LAN = 28678
    PFS = 28679
    FIREWALL_TYPE = 28680
    BACKUP_SERVERS = 28681
    DDNS_HOSTNAME = 28682


class NotifyType(IntEnum):
    """Notify Message Type (RFC 2408 section 3.14.1, RFC 2407 section 4.6.3, RFC 3706, and one of Cisco's)."""

    INVALID_PAYLOAD_TYPE = 1
    DOI_NOT_SUPPORTED = 2
    SITUATION_NOT_SUPPORTED = 3
    INVALID_COOKIE = 4
    INVALID_MAJOR_VERSION = 5
    INVALID_MINOR_VERSION = 6
    INVALID_EXCHANGE_TYPE = 7
    INVALID_FLAGS = 8
    INVALID_MESSAGE_ID = 9
    INVALID_PROTOCOL_ID = 10
    INVALID_SPI = 11
    INVALID_TRANSFORM_ID = 12
    ATTRIBUTES_NOT_SUPPORTED = 13
    NO_PROPOSAL_CHOSEN = 14
    BAD_PROPOSAL_SYNTAX = 15
    PAYLOAD_MALFORMED = 16
    INVALID_KEY_INFORMATION = 17
    INVALID_ID_INFORMATION = 18
    INVALID_CERT_ENCODING = 19
    INVALID_CERTIFICATE = 20
    CERT_TYPE_UNSUPPORTED = 21
    INVALID_CERT_AUTHORITY = 22
    INVALID_HASH_INFORMATION = 23
    AUTHENTICATION_FAILED = 24
    INVALID_SIGNATURE = 25
    ADDRESS_NOTIFICATION = 26
    NOTIFY_SA_LIFETIME = 27
    CERTIFICATE_UNAVAILABLE = 28
    UNSUPPORTED_EXCHANGE_TYPE = 29
    UNEQUAL_PAYLOAD_LENGTHS = 30
    CONNECTED = 16384
    RESPONDER_LIFETIME = 24576
    REPLAY_STATUS = 24577
    INITIAL_CONTACT = 24578
    R_U_THERE = 36136
    R_U_THERE_ACK = 36137
    UNITY_LOAD_BALANCE = 40501
    """Cisco's: speak to another gateway. Shown, never followed."""

    @property
    def label(self) -> str:
        """As the RFCs write it, with hyphens."""
        return self.name.replace("_", "-")


def notify_label(kind: int) -> str:
    """The name of a notify type, or its number."""
    return NotifyType(kind).label if kind in NotifyType._value2member_map_ else f"notify {kind}"


def is_error(kind: int) -> bool:
    """Whether a notify type is an error (RFC 2408 section 3.14.1: 1 to 16383)."""
    return 0 < kind < 16384


IPSEC_DOI = 1
"""RFC 2407 section 4.2."""

SIT_IDENTITY_ONLY = 1
"""RFC 2407 section 4.2."""

KEY_IKE = 1
"""The transform of a phase 1 proposal (RFC 2407 section 4.4.2)."""
