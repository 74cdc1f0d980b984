"""Deliver: fetches paid pictures, makes the outputs, and writes receipts and error reports."""
