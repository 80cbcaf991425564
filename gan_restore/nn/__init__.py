"""Layers, networks, losses and augmentations that several families share."""
