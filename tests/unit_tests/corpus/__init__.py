"""Replies of a model that are broken, and odd ones that are not, and what has to become of each."""
