"""The service's HTTP side: health, metrics, and what people look at."""
