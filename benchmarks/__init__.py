"""CPU a login of this flow beside the client library alone, and beside other stream processors."""
