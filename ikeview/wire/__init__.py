"""Octets to values and back (RFC 2407, RFC 2408, RFC 2409, RFC 3947)."""
