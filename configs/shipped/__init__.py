"""The configs that trained the shipped weights.

`make train-NAME DATA=folder:/path/to/celeba` trains with NAME.py. Where a config names several data
sets, `make train-NAME PICTURES=/path/to/folders` does.
"""
