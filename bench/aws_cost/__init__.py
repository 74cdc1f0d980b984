"""The cost of AWS: requests and seconds counted on the emulator, multiplied by AWS's list prices."""
