"""Pictures as bytes: looked at before they are paid for, verified and converted after."""
