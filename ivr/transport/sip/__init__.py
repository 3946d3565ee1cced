"""SIP user agent: pure protocol core (RFC 3261 and friends, time as an argument) and its asyncio endpoint."""
