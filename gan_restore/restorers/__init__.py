"""Restoration algorithms that are given functions: searches, solvers and classical baselines."""
