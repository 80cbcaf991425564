"""Photographs in and out: faces in them, crops, masks, files."""
