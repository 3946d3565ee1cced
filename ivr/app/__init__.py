"""The composition root: the only place that names concrete engines and puts them together."""
