"""The configuration folder: TOML files read into the specs of ``core.specs``, or refused with every problem at once."""
