"""Sound as numbers: frames, codecs, resampling, tones, levels, files. Pure but for the files."""
