"""Stand-ins for engines and dialogs, on a time line."""
