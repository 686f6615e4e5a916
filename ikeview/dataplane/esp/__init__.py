"""Userspace ESP (RFC 4303) in UDP (RFC 3948), in a process of its own.

``plane`` is the engine's side, ``forwarder`` the loop of the child process; between them go ``messages`` over a
``channel``. ``packet``, ``replay``, ``inner`` and ``database`` are the protocol and know neither sockets nor time.
"""
