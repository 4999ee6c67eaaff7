"""How updates come in: by webhook or by polling, through the gate, to the handlers."""
