"""Measuring any restorer `(y, A) -> Result`: metrics, scores, reports and figures."""
