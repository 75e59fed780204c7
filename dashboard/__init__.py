"""The live page: what the flow is doing, for people who would rather look than read."""
