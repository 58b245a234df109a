import signal

# Started in the background, a shell lets its children ignore Ctrl-C, and theirs inherit that.
# Tests that interrupt a command need it to listen, wherever the tests themselves were started.
signal.signal(signal.SIGINT, signal.default_int_handler)
