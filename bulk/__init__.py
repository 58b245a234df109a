"""Many recordings from a manifest or a bucket into a prefix: resumable, with an index."""
