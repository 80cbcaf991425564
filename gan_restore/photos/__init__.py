"""Restoring photographs: whole ones and crops, faces, masks, files.

`restore` restores a photograph in memory.
"""

from gan_restore.photos.restoration import restore

__all__ = ["restore"]
