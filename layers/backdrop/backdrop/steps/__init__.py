"""The stages of the pipeline as services on adapters: intake, render, deliver, reconcile, campaigns."""
