"""Restoring photographs: faces, crops, masks, files."""
