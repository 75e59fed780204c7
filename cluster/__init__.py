"""Several processes of the flow on this machine, as one cluster."""
