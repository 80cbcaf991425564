"""Configs: one short file for each run, with `get_config(arg) -> ml_collections.ConfigDict`.

They are installed as `gan_restore.configs`.
"""
