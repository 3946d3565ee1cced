"""The speech models `ivr` uses: what there is (manifest), getting it (fetch), whether it is whole (verify)."""
