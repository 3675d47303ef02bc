"""Evaluation of a bundle: predictors, scores, tables and figures."""
