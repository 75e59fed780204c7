"""A soak test: the flow for a long time under steady load, watched for what grows."""
