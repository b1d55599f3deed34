"""Torture: processes killed at random points under load, and every promise checked afterwards.

A run has its own embedded server and its own campus of plain accounts, never one that is in use.
"""
