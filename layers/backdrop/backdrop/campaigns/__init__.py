"""Campaigns: the code that the Step Functions workflow runs to render a manifest or a prefix, from plan to report."""
