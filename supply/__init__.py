"""What the service is made of: lock files with hashes, and a look for known vulnerabilities.

Needs the standard library and the tools of locks/tools.txt; nothing of the service imports it.
"""
