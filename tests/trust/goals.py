"""What must hold whatever happens: the rows of docs/trust.md, each with its goal.

A row is proved by the tests that carry its mark, `@pytest.mark.row("F1")`; it has no code here.
"""

from __future__ import annotations

GOALS = {
    "L1": "Uploads at once: 8 of 150 MB (night: of 1 GiB) grow the service by at most 100 MB; "
    "/health p99 within 250 ms",
    "L2": "Memory is no function of length: 3 h (night: 10 h) of speech, rendered in four formats, "
    "takes at most 50 MB more than 10 minutes",
    "L3": "200 jobs and 100 watchers: first come first served, no event missing or twice; a full "
    "queue answers 429 with Retry-After of at most 120 s",
    "L4": "Soak: files, threads, children and temporary bytes stay flat over 300 (night: 2,000) "
    "jobs; less than 1 MB per 100 jobs",
    "F1": "kill -9 at random moments, 20 (night: 200) times: no accepted job lost, none twice, "
    "ready within 10 s, at most one group of windows of each job begun again",
    "F2": "kill -9 before every durable step of a job (CI: every ninth): one job, its text "
    "unchanged",
    "F3": "SIGTERM with a watcher and a running job, 2 (night: 20) times: ends within 10 s, the "
    "job goes on, the watcher resumes",
    "F4": "No room at every write in turn: 507, 503 or a job that ends; nothing left; the next "
    "small job succeeds",
    "F5": "ffmpeg missing, killed, hung, dribbling, silent, talkative: the "
    "right code, no child left",
    "F6": "Out of memory, a dead or wedged engine, a recording that stops it: the others finish",
    "F7": "Clients that vanish at random bytes, 200 times: nothing left on disk, no job",
    "F8": "250 (night: 1,200) slow clients: /health within 1 s, heads closed within 30 s, bodies "
    "(also those in line) within 120 s, an upload from elsewhere taken meanwhile",
    "F9": "A held database: short waits, long ones 503 with Retry-After; no second service in a "
    "folder",
    "F10": "20 (night: 100) copies of the data folder at random moments: all open, every accepted "
    "job in them",
    "F11": "Webhooks: signed, the same id in every try, never to an inward address",
    "B1": "Over 100 hostile files by both routes, 42 names: the code that says what is wrong, no "
    "5xx, no file of others read, no connection",
    "B2": "200 (night: 5,000) mutated recordings: no mistake of ours; ffmpeg at most 300 MB and "
    "20 s",
    "B3": "Schemathesis, all phases, 1,000 (night: 10,000) requests: no 5xx, no answer that the "
    "description lacks",
    "B4": "300 broken HTTP requests: 4xx or closed, none waits for over 30 s",
    "B5": "2,000 hostile ids and paths: 404 or 4xx, no file outside the data folder opened",
    "S1": "Every route without a key, with a wrong one, for the job of another: refused, not one "
    "byte of an upload on disk",
    "S2": "The page: markup in text and names is shown as text, no violation of its policy",
    "S3": "Deleted and expired jobs: no byte of sound or text left in the data folder",
}
