"""`ivr tune`: what other settings of turn-taking would have done to recorded callers. Engines are asked once a call.

`corpus` reads a call off its journal and its sound, `simulate` runs the pure turn-taking over it, `curves` counts what
came of each setting, `advice` says which one the recordings speak for, and `chart` draws it.
"""
