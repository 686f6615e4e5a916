"""Protocol machinery without a protocol: no clock, no chance, no sockets."""
