"""IKE version 1 (RFC 2407, RFC 2408, RFC 2409) and what rides on it (RFC 3706, RFC 3947)."""
