"""Pure decisions: no clock, no network, no AWS."""
