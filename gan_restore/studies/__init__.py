"""The papers' comparisons: tables, ablations, GANs compared, growing masks."""
