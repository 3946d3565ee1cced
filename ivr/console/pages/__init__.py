"""The pages: each a handler that fills a template."""
