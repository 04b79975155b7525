"""Tests of the Starfleet tokens; the files named after a rule test that rule of the design's section 3."""
