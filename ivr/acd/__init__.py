"""The automatic call distributor: who waits for a human, which human gets them, and when.

Pure: `Floor` is a state machine with `now` as an argument; its shell is `ivr.desk`, its simulation `ivr acd simulate`.
"""
