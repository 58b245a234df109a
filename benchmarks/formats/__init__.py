"""Files in which speech corpora and systems keep words and times. Reading only; no audio here."""
