"""Chinese texts of the interface, by the English ones."""

MESSAGES: dict[str, str] = {}
