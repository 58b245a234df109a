"""Makes and adapts Whisper models: synthesises speech, trains the demo model, fine-tunes others.

Nothing here runs in the service. The synthesiser comes from the extra `training`.
"""
