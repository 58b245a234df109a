"""Recognisers behind one interface, so that one loop measures them all."""
