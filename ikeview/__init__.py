"""ikeview: IPsec tunnels set up, watched and explained on a terminal."""

__version__ = "0.1.0"
