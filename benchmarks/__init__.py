"""CPU per login of this flow beside the client library alone and other stream processors."""
