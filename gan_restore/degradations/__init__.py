"""Damage to images: operators, masks and tasks, and the checks of arguments."""
