"""What nobody transcribed and what nobody said."""
