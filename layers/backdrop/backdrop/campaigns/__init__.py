"""Campaigns: what the Step Functions workflow runs to render a manifest or a prefix, from its plan to its report."""
