"""Text as callers say it: cleaning, number reading, phonetic keys, phrase templates. Shared by slots, understanding
and lint; knows nothing of either."""
