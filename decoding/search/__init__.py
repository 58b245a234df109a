"""Beam search and sampling on logits: which tokens come next, which hypothesis wins."""
