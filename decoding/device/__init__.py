"""What devices there are, and how work and data reach them without waiting."""
