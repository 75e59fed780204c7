"""What processing a login costs, in instructions: the same on a busy machine as on a quiet one."""
