"""The configs that trained the shipped weights.

`make train-NAME DATA=folder:/path/to/celeba` trains with NAME.py.
"""
