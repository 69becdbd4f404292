"""What several tests need: real files, small networks, a server, reference numbers."""
