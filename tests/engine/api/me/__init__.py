"""Tests of what people do about themselves."""
