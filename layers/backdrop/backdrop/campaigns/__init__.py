"""Campaigns: what Step Functions runs to render a manifest or a prefix, from its plan to its report."""
