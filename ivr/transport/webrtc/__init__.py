"""Calls by WebRTC: a browser's audio as a media leg, keys and captions on a data channel beside it."""
