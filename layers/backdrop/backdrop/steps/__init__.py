"""The stages of the pipeline as use cases on ports: intake, render, deliver."""
