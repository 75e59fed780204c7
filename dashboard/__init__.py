"""The live page: shows what the flow is doing."""
