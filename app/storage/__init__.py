"""What outlives a process: the database and the files of jobs."""
