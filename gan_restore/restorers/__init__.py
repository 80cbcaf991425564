"""Restoration algorithms: searches, solvers and classical baselines. They get generators and
denoisers as arguments.
"""
