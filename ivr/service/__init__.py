"""A call's commands carried out by the live engines: recognition, synthesis, understanding, backend, recorder."""
