"""The comparisons of the papers: tables, ablations, comparisons of GANs, growing masks."""
