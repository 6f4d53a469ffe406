"""Amazon's services, or what speaks their protocols: for the store, for sources and for queues."""
