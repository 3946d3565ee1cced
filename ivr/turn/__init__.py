"""Turn-taking: who speaks, who yields, and when a turn is over. Pure; counts samples at 16 kHz, reads no clock.

`gate` says whether the caller speaks, `echo` whether it is only our own voice coming back, `barge_in` what a prompt
does about it, `endpoint` when the caller has finished.
"""
