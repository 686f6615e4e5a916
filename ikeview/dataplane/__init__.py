"""What carries the traffic: one interface, several planes."""
