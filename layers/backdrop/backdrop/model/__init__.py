"""Facts and pure rules: no clock, no network, no AWS. Imports nothing else of the product."""
