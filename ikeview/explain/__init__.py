"""Why a negotiation failed, in plain words."""
