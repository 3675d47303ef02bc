"""What the paper left for later: Bayesian heads, levels, more classes, other diffraction."""
