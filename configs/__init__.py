"""Configs: one short file a run, `get_config(arg) -> ml_collections.ConfigDict`. They are installed
as `gan_restore.configs`."""
