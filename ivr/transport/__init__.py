"""How calls reach us: SIP and RTP, and a recording as a caller."""
