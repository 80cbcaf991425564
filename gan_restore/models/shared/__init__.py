"""Code that several families share: completion in one pass, restoring from coarse images."""
