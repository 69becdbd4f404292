"""The flow, one folder a stage; each reads what those before it wrote."""
