"""AWS, spoken only here: the ports of the steps on boto3."""
