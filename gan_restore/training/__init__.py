"""Training a family: state, step, loop, history, checkpoints and weights files."""
