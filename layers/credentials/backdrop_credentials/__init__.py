"""Content Credentials: signed statements (C2PA manifests) in each delivered picture about how it was made.

A layer of its own, which only sign uses, and only while the stack parameter `ContentCredentialsKeyArn` is set.
"""
