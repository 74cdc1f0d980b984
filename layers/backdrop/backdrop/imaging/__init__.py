"""Pictures as bytes: checked and prepared before they are paid for, verified and converted afterward."""
