"""Language model providers that are not real: their wire formats, and faults on demand.

Imports aiohttp and the standard library alone, so that it runs with what Debian packages.
"""
