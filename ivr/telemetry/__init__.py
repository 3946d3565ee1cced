"""What a service tells of itself to machines: metrics, structured logs, traces."""
