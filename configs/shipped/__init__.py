"""The runs behind the shipped weights: `make train-NAME DATA=folder:/path/to/celeba` runs
NAME.py."""
