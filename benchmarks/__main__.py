"""`python -m benchmarks`."""

from benchmarks.cli.application import application

if __name__ == "__main__":
    application(prog_name="python -m benchmarks")
