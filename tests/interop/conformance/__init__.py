"""The conformance cases, numbered as the industry's suite numbers them."""

from . import closing, compression, framing, limits, utf8

CASES = framing.CASES + utf8.CASES + closing.CASES + limits.CASES + compression.CASES
