"""Tests of the one place that says what kind of failure an exception is."""
