"""Adapters for AWS. Only this package imports boto3."""
