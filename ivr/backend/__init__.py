"""The company's own systems: what a dialog's `call` step does there."""
