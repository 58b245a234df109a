"""When words were spoken: cross-attention weights, dynamic time warping, words."""
