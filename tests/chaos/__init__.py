"""Many role calls at once while everything around them goes wrong: `make soak`, and a short one among the tests."""
