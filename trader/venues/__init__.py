"""One folder a venue, the same file names in each; all wire knowledge and nothing else."""
