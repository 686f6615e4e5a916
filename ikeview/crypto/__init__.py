"""Named algorithms: groups, hashes, ciphers, suites, and secrets that do not print."""
