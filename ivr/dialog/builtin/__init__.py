"""What every hotline can do and say without a line of YAML: prompts of repair, and the outermost failure ladders."""
