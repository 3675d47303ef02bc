"""From decisions to more than points: symmetry levels, grains, evidence pooled over grains."""
