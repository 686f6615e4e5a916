"""Tests against a real peer and a real network, each in namespaces of its own."""
