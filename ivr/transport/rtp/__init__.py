"""RTP media (RFC 3550, 3551, 4733): packets, jitter buffer, keys and codecs are pure; `ports`, `session` and `leg` hold
the sockets."""
