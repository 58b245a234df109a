"""Jobs from acceptance to end: durable, resumable, watched."""
