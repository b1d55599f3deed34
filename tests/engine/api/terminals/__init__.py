"""Tests of the terminals' HTTP door."""
